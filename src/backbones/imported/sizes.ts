import type { Shape } from '../../graph/tensor.ts';
import { type GraphSource, neededBy } from './graph.ts';

/** A pool over so many pixels is taken for one over the whole map. */
const LARGE_POOL = 49;

/**
 * Whether a model that was exported for one image size does the same at others: nothing that its features need has a
 * size written down. So it is with convolutional networks; what else depends on the size, such as a position embedding,
 * does not fit elsewhere and is refused there.
 */
export function takesAnySize(model: GraphSource, output: string): boolean {
  const needed = neededBy(model, [output]);
  return !model.nodes.some(node => {
    if (!node.outputs.some(name => needed.has(name))) return false;
    const kernel = node.attributes.get('kernel_shape') ?? node.attributes.get('ksize');
    const pixels = (kernel?.value as Shape | undefined)?.reduce((product, size) => product * size, 1);
    return model.isSized(node) || (/Pool/.test(node.opType) && (pixels ?? 0) >= LARGE_POOL);
  });
}
