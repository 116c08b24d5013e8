import { count, type Tensor, topological } from '../../src/graph/tensor.ts';

const VIEWS = new Set(['reshape', 'recomputed', 'detach']);

/**
 * The most bytes that are held at once, sources left out, where values are made in an order that goes back from the
 * outputs and frees each after its last use.
 *
 * @param firstInput which inputs of a node are made first; ONNX Runtime begins with those that were emitted last
 */
export function heldAtOnce(outputs: readonly Tensor[], firstInput: 'first' | 'last'): number {
  const order = firstInput === 'first' ? topological(outputs) : backwards(outputs);
  const holder = new Map<Tensor, Tensor>();
  const lastUse = new Map<Tensor, number>();
  order.forEach((node, i) => {
    holder.set(node, VIEWS.has(node.op) ? holder.get(node.inputs[0])! : node);
    for (const x of [node, ...node.inputs]) lastUse.set(holder.get(x)!, i);
  });
  for (const y of outputs) lastUse.set(holder.get(y)!, order.length);
  const dying: Tensor[][] = Array.from({ length: order.length + 1 }, () => []);
  for (const [node, i] of lastUse) dying[i].push(node);
  const bytes = ({ inputs, shape }: Tensor) => (inputs.length > 0 ? 4 * count(shape) : 0);
  let [held, peak] = [0, 0];
  order.forEach((node, i) => {
    if (holder.get(node) === node) held += bytes(node);
    peak = Math.max(peak, held);
    for (const dead of dying[i]) held -= bytes(dead);
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
