import { count, type Tensor, topological } from '../../src/graph/tensor.ts';

/** Ops that give the memory of their first input another name. */
const RENAMING = new Set(['reshape', 'recomputed', 'detach']);

/**
 * The most bytes that tensors of a kind take at once, each held from its making to its last use, in the order in which
 * a graph is emitted.
 */
export function peakBytes(outputs: readonly Tensor[], counted: (tensor: Tensor) => boolean): number {
  const order = topological([...outputs].reverse());
  const owner = new Map<Tensor, Tensor>();
  for (const node of order) owner.set(node, RENAMING.has(node.op) ? owner.get(node.inputs[0])! : node);
  const lastUse = new Map<Tensor, number>();
  order.forEach((node, i) => {
    for (const x of RENAMING.has(node.op) ? node.inputs.slice(0, 1) : node.inputs) lastUse.set(owner.get(x)!, i);
  });
  const ending = new Map<number, Tensor[]>();
  for (const [tensor, i] of lastUse) ending.set(i, [...(ending.get(i) ?? []), tensor]);
  let [now, peak] = [0, 0];
  const size = (tensor: Tensor) => (counted(tensor) ? 4 * count(tensor.shape) : 0);
  order.forEach((node, i) => {
    if (owner.get(node) === node) now += size(node);
    peak = Math.max(peak, now);
    for (const tensor of ending.get(i) ?? []) now -= size(tensor);
  });
  return peak;
}
