import { UserError } from '../../base/errors.ts';
import { show, type Tensor } from '../../graph/tensor.ts';
import { type Layout, layoutOf } from './feature-layout.ts';
import type { FoundFeatures } from './find-features.ts';
import { dependents, type ImportedModel, type Sketch, sketch, suggestFew } from './model.ts';

/** Where clicks enter an imported network: the value that they are added to. */
export interface Injection {
  name: string;
  layout: Layout;
}

/** The place that the options name, or the one that is found; a text that says why there is none. */
export function chooseInjection(model: ImportedModel, { output, layout, size }: FoundFeatures): Injection | string {
  const drawn = sketch(model, size, [output]);
  const features = drawn.graph.get(output).tensor!;
  if (model.options.early !== 'auto') return namedInjection(model, drawn, features);
  return (
    findInjection(drawn, features, layout.stride) ??
    `${model.file}: clicks cannot enter early: nothing in front of learned layers has the stride ${layout.stride} of the ` +
      'features and is passed by all that the image gives. Use --injection late, or name a value by onnx.early ' +
      '(--onnx-early)'
  );
}

const LEARNED = new Set(['conv2d', 'convTranspose2d', 'matmul']);

/**
 * The first value with the features' stride that the network has learned something for and through which everything
 * from the image to the features passes: of a ViT the output of the patch embedding, of a convolutional network what
 * its first block at that stride gives, shortcut included. Undefined where none such has learned layers behind it.
 */
function findInjection({ image, size, graph }: Sketch, features: Tensor, stride: number): Injection | undefined {
  const names = new Map<Tensor, string>();
  for (const [name, { tensor }] of graph.values) if (tensor && !names.has(tensor)) names.set(tensor, name);
  for (const { tensor, learnedBefore, learnedAfter } of passages(image, features)) {
    const name = names.get(tensor);
    if (name === undefined || !learnedBefore || !learnedAfter) continue;
    const layout = layoutOf(tensor.shape, size, tensor.shape.length === 3 ? 0 : 'auto');
    if (typeof layout !== 'string' && layout.stride === stride) return { name, layout };
  }
  return undefined;
}

interface Passage {
  tensor: Tensor;
  learnedBefore: boolean;
  learnedAfter: boolean;
}

/** The tensors that lie on every path from the image to the features, first to last. */
function passages(image: Tensor, features: Tensor): Passage[] {
  const order = dependents(image, [features]);
  const place = new Map(order.map((tensor, at) => [tensor, at]));
  const lastUse = order.map(() => 0);
  for (const [at, tensor] of order.entries()) {
    for (const x of tensor.inputs) if (place.has(x)) lastUse[place.get(x)!] = at;
  }
  const learned = order.map(({ op }) => LEARNED.has(op));
  const total = learned.filter(is => is).length;
  // everything passes a tensor unless something before it is used by something after it
  let reach = 0;
  let before = 0;
  return order.flatMap((tensor, at) => {
    const passed = reach <= at;
    reach = Math.max(reach, lastUse[at]);
    before += learned[at] ? 1 : 0;
    return passed ? [{ tensor, learnedBefore: before > 0, learnedAfter: before < total }] : [];
  });
}

/** @throws UserError where there is no such place */
function namedInjection({ file, nodes, options }: ImportedModel, { image, size, graph }: Sketch, features: Tensor) {
  const name = nodes.find(node => node.name === options.early)?.outputs[0] ?? options.early;
  const value = graph.values.get(name);
  const where = `"${options.early}" (onnx.early)`;
  if (!value) {
    const passed = new Set(dependents(image, [features]));
    const values = [...graph.values].filter(([, { tensor }]) => tensor && passed.has(tensor)).map(([each]) => each);
    const names = [...nodes.map(node => node.name).filter(each => each !== ''), ...values];
    throw new UserError(
      `${file}: no node or value in front of the features is named ${where}: ${suggestFew(name, names)}`,
    );
  }
  const layout = layoutOf(value.shape, size, 'auto');
  if (typeof layout === 'string') {
    throw new UserError(`${file}: clicks cannot be added to ${where}: ${show(value.shape)} ${layout}`);
  }
  if (!value.tensor || value.tensor === image || !dependents(image, [features]).includes(value.tensor)) {
    throw new UserError(`${file}: ${where} does not lie between the image and the features`);
  }
  return { name, layout };
}
