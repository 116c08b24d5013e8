import { count, RENAMING, type Tensor, topological } from '../../src/graph/tensor.ts';

/**
 * The most bytes that tensors of a kind take at once, each held from its making to its last use, in the order in which
 * a graph is emitted.
 */
export const peakBytes = (outputs: readonly Tensor[], counted: (tensor: Tensor) => boolean): number =>
  peakAlong(topological([...outputs].reverse()), counted);

/**
 * The same of all but sources, in an order that goes back from the outputs.
 *
 * @param firstInput which inputs of a node are made first; ONNX Runtime begins with those that were emitted last
 */
export const heldAtOnce = (outputs: readonly Tensor[], firstInput: 'first' | 'last'): number =>
  peakAlong(firstInput === 'first' ? topological(outputs) : backwards(outputs), ({ inputs }) => inputs.length > 0);

function peakAlong(order: readonly Tensor[], counted: (tensor: Tensor) => boolean): number {
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

/** As `topological`, a node's last input first. */
function backwards(outputs: readonly Tensor[]): Tensor[] {
  const order = new Set<Tensor>();
  const stack = [...outputs];
  while (stack.length > 0) {
    const node = stack[stack.length - 1];
    const missing = order.has(node) ? [] : node.inputs.filter(x => !order.has(x));
    stack.push(...missing);
    if (missing.length === 0) order.add(stack.pop()!);
  }
  return [...order];
}
