import { opTable, withInputs } from './op.ts';
import { expand } from './ops/basic.ts';
import { add } from './ops/elementwise.ts';
import { after, concat, slice, waitsFor } from './ops/layout.ts';
import { count, GraphError, scalar, show, type Tensor, topological } from './tensor.ts';

/**
 * The gradients of a scalar with respect to tensors of its graph, as tensors of a larger graph
 * (reverse mode; every rule stands with its op). Nothing is built for what the scalar does not depend on.
 *
 * @throws GraphError where `loss` is no scalar or does not depend on one of `withRespectTo`.
 */
export function gradient(loss: Tensor, withRespectTo: readonly Tensor[]): Tensor[] {
  if (count(loss.shape) !== 1) throw new GraphError(`gradient: the loss must be one number, given ${show(loss.shape)}`);
  const order = topological([loss]);
  const wanted = new Set(withRespectTo);
  const reached = new Set<Tensor>();
  for (const node of order) if (wanted.has(node) || node.inputs.some(x => reached.has(x))) reached.add(node);

  const place = new Map(order.map((node, i) => [node, i]));
  const uses = new Map<Tensor, number>();
  for (const node of order) for (const x of node.inputs) uses.set(x, (uses.get(x) ?? 0) + 1);

  const waits = new Map<Tensor, Tensor>();
  const contributions = new Map<Tensor, Tensor[]>([[loss, [expand(scalar(1), loss.shape)]]]);
  const gradients = new Map<Tensor, Tensor>();
  for (const node of order.reverse()) {
    const parts = contributions.get(node);
    if (!parts || !reached.has(node)) continue;
    const later = accumulate(parts);
    const dy = waits.has(node) ? after(later, waits.get(node)!) : later;
    gradients.set(node, dy);
    if (node.inputs.length === 0) continue;
    // what came first goes back last: the adjoint of an order is the reverse order
    const earlier = waitsFor(node);
    if (earlier) waits.set(earlier, dy);
    const forward = rebuild(node, dy, place);
    const rule = (flow: Tensor) => opTable.get(node.op)!.gradient(flow, forward);
    let flowing = rule(dy);
    // A factor shared by several products (the bands of a convolution): its gradient is summed at once, and what flows
    // on waits for the sum. Otherwise the gradients of all products would be held until the last one is known.
    const shared = node.op === 'matmul' ? node.inputs.findIndex(x => reached.has(x) && uses.get(x)! > 1) : -1;
    if (shared >= 0) {
      const x = node.inputs[shared];
      const total = accumulate([...(contributions.get(x) ?? []), flowing[shared]!]);
      contributions.set(x, [total]);
      flowing = rule(after(dy, total)).map((dx, i) => (i === shared ? null : dx));
    }
    node.inputs.forEach((x, i) => {
      const dx = flowing[i];
      if (!dx || !reached.has(x)) return;
      const list = contributions.get(x);
      if (list) list.push(dx);
      else contributions.set(x, [dx]);
    });
  }
  return withRespectTo.map(x => {
    const dx = gradients.get(x);
    if (!dx)
      throw new GraphError(`gradient: the loss does not depend on ${x.op} ${x.attributes.name ?? ''} ${show(x.shape)}`);
    return dx;
  });
}

/** Sums gradients. Pieces put back into one axis (the gradient of cutting it up) are joined, not padded and added. */
function accumulate(parts: readonly Tensor[]): Tensor {
  const byAxis = new Map<number, Tensor[]>();
  const others: Tensor[] = [];
  for (const part of parts) {
    const axis = part.op === 'unslice' && part.attributes.step === 1 ? (part.attributes.axis as number) : -1;
    if (axis < 0) others.push(part);
    else byAxis.set(axis, [...(byAxis.get(axis) ?? []), part]);
  }
  for (const [axis, pieces] of byAxis) others.push(pieces.length === 1 ? pieces[0] : joinPieces(pieces, axis));
  // the runtime computes the second operand first: so each part is added before the next one is made, and few are held
  return others.reduce((total, part) => add(part, total));
}

function joinPieces(pieces: readonly Tensor[], axis: number): Tensor {
  const size = pieces[0].shape[axis];
  const spans = pieces.map(({ inputs: [value], attributes }) => {
    const start = attributes.start as number;
    return { value, start, end: start + value.shape[axis] };
  });
  const cuts = [...new Set([0, size, ...spans.flatMap(s => [s.start, s.end])])].sort((a, b) => a - b);
  const segments: Tensor[] = [];
  for (let i = 0; i + 1 < cuts.length; i++) {
    const [from, to] = [cuts[i], cuts[i + 1]];
    const covering = spans
      .filter(s => s.start <= from && s.end >= to)
      .map(s => slice(s.value, axis, from - s.start, to - from));
    const shape = pieces[0].shape.map((n, j) => (j === axis ? to - from : n));
    segments.push(covering.length > 0 ? covering.reduce((total, s) => add(total, s)) : expand(scalar(0), shape));
  }
  return concat(segments, axis);
}

/**
 * The node on inputs computed again where they are marked so; not before `dy` is there, or they would be held all along.
 *
 * @param place where nodes stand in an order with inputs first
 */
function rebuild(node: Tensor, dy: Tensor, place: ReadonlyMap<Tensor, number>): Tensor {
  if (!node.inputs.some(x => x.op === 'recomputed')) return node;
  const inputs = node.inputs.map(x => {
    if (x.op !== 'recomputed') return x;
    const [value, base] = x.inputs;
    return substitute(value, base, after(base, dy), place);
  });
  return { ...node, inputs };
}

/** `value` with `base` replaced in its computation. */
function substitute(value: Tensor, base: Tensor, by: Tensor, place: ReadonlyMap<Tensor, number>): Tensor {
  const first = place.get(base)!;
  const known = new Map<Tensor, Tensor>([[base, by]]);
  // what stands before it is not made of it
  for (const node of topological([value], x => place.get(x)! <= first)) {
    const inputs = node.inputs.map(x => known.get(x) ?? x);
    known.set(node, withInputs(node, inputs));
  }
  return known.get(value)!;
}
