import { UserError } from '../../base/errors.ts';
import { show } from '../../graph/tensor.ts';
import { type Layout, layoutOf } from './feature-layout.ts';
import { dependents, type ImportedModel, type Size, type Sketch, sketch, suggestFew } from './model.ts';

/** Where features are looked for if not at the size that is asked for: what networks are trained at. */
const USUAL_SIDES = [224, 256, 448, 512, 384, 518, 1024];

export interface FoundFeatures extends Sketch {
  /** Name of the value that holds them. */
  output: string;
  layout: Layout;
}

/**
 * The value of a model that holds features, at the first size at which one does: the size that its input states, else
 * `side` or one of the usual.
 *
 * @throws UserError that lists outputs, and other values that might be meant.
 */
export function findFeatures(model: ImportedModel, side: number): FoundFeatures {
  const { file, options, candidates, image } = model;
  const { output } = options;
  if (output !== null && !model.nodes.some(node => node.outputs.includes(output))) {
    const names = model.nodes.flatMap(node => node.outputs);
    throw new UserError(`${file} has no value "${output}" (onnx.output): ${suggestFew(output, names)}`);
  }
  const sizes: Size[] = image.size ? [image.size] : [side, ...USUAL_SIDES].map(n => [n, n]);
  let report: string | undefined;
  for (const size of sizes) {
    const drawn = sketch(model, size, output === null ? undefined : [output]);
    const reasons: string[] = [];
    for (const name of output === null ? candidates : [output]) {
      const layout = layoutIn(drawn, name, model);
      if (typeof layout !== 'string') return { ...drawn, output: name, layout };
      reasons.push(`  ${layout}`);
    }
    report ??= [
      `${file}: at ${size.join(' x ')} px no output holds features:`,
      ...reasons,
      `Name a value by onnx.output (--onnx-output)${perhaps(drawn)}`,
    ].join('\n');
  }
  throw new UserError(report!);
}

/** How a value holds features, or why it does not. */
function layoutIn({ image, size, graph }: Sketch, name: string, { options }: ImportedModel): Layout | string {
  try {
    const { shape, tensor } = graph.get(name);
    if (!tensor || !dependents(image, [tensor]).includes(tensor)) return `"${name}" does not depend on the image`;
    const layout = layoutOf(shape, size, options.tokens);
    return typeof layout === 'string' ? `"${name}" ${show(shape)} ${layout}` : layout;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

const MOST_SUGGESTED = 6;

/** The last value of each layout that could be features. */
function perhaps({ image, size, graph }: Sketch): string {
  const tensors = [...graph.values.values()].flatMap(({ tensor }) => tensor ?? []);
  const seen = new Set(dependents(image, tensors));
  const last = new Map<string, string>();
  for (const [name, { shape, tensor }] of graph.values) {
    if (!tensor || tensor === image || !seen.has(tensor)) continue;
    const layout = layoutOf(shape, size, 'auto');
    if (typeof layout === 'string' || layout.channels <= 3) continue;
    last.set(`${layout.form} ${layout.stride}`, `"${name}" ${show(shape)}`);
  }
  const suggested = [...last.values()].slice(-MOST_SUGGESTED);
  return suggested.length === 0 ? '' : `, perhaps ${suggested.join(', ')}`;
}
