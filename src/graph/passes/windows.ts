import { evenParts } from '../in-turn.ts';
import { isElementwise, withInputs } from '../op.ts';
import { after, concat, slice } from '../ops/layout.ts';
import { count, type Tensor, topological } from '../tensor.ts';
import { attentionAt } from './attention.ts';
import { onDemand } from './rewrite.ts';
import { type Cut, type Cutter, sliceThrough } from './slice-through.ts';

const bytesOf = ({ shape }: Tensor): number => 4 * count(shape);

/**
 * Attention within windows (q, k, v [n,heads,N,d], n windows) of which one of its values takes more than `bytes`, in runs
 * of windows, one after the other, for an inference: from the tokens of a run through projections, attention and residual,
 * up to where the windows are put together as a map again. What one window alone takes is not seen to here.
 */
export function windowRuns(outputs: readonly Tensor[], bytes: number): Tensor[] {
  const users = new Map<Tensor, Tensor[]>();
  for (const node of topological(outputs)) {
    for (const x of node.inputs) users.set(x, [...(users.get(x) ?? []), node]);
  }

  /** The last node above attention in which a window's numbers come from this window alone. */
  const top = (node: Tensor, windows: number): Tensor => {
    const [user, ...others] = users.get(node) ?? [];
    return user && others.length === 0 && !outputs.includes(node) && apart(user, node, windows)
      ? top(user, windows)
      : node;
  };

  const runs = new Map<Tensor, { windows: number; runs: number }>();
  for (const node of topological(outputs)) {
    const found = attentionAt(node);
    if (!found) continue;
    const windows = node.shape[0];
    const parts = [found.product, ...found.product.inputs, node].map(bytesOf);
    const count = Math.ceil(parts.reduce((sum, size) => sum + size) / bytes);
    if (windows === 1 || Math.max(...parts) <= bytes) continue;
    runs.set(top(node, windows), { windows, runs: Math.min(windows, count) });
  }

  const whole = onDemand(
    node => runs.has(node),
    node => (runs.has(node) ? inRuns(node) : withInputs(node, node.inputs.map(whole))),
  );

  const inRuns = (node: Tensor): Tensor => {
    const { windows, runs: count } = runs.get(node)!;
    const tokens = node.shape[0] / windows;
    let last: Tensor | undefined;
    const parts = evenParts(windows, count).map(({ start, length }) => {
      const made = new Map<Tensor, Map<string, Tensor>>();
      const of: Cutter = (x, cut) => {
        const known = made.get(x) ?? new Map<string, Tensor>();
        made.set(x, known);
        const key = `${cut.axis}:${cut.start}:${cut.length}`;
        if (!known.has(key)) known.set(key, part(x, cut, of, last));
        return known.get(key)!;
      };
      last = sliceThrough(node, { axis: 0, start: start * tokens, length: length * tokens }, of, whole)!;
      return last;
    });
    return concat(parts, 0);
  };

  /** What others use too is held in full. */
  const part = (x: Tensor, cut: Cut, of: Cutter, last: Tensor | undefined): Tensor => {
    const own = users.get(x)!;
    const ofRun = own.length === 1 || own.every(({ op }) => op === 'slice');
    const made = ofRun && !outputs.includes(x) && !runs.has(x) ? sliceThrough(x, cut, of, whole) : null;
    if (made) return made;
    const value = slice(whole(x), cut.axis, cut.start, cut.length);
    return last ? after(value, last) : value;
  };

  return outputs.map(whole);
}

/** Whether windows stay apart, along the first axis, in what `node` makes of `x`. */
function apart(node: Tensor, x: Tensor, windows: number): boolean {
  const { op, inputs, attributes, shape } = node;
  if (shape[0] % windows !== 0) return false;
  if (isElementwise(node)) return shape.length === x.shape.length && shape[0] === x.shape[0];
  if (op === 'transpose') return (attributes.permutation as readonly number[])[0] === 0;
  if (op === 'matmul') return inputs[0] === x && inputs[1] !== x && inputs[1].shape.length === 2 && !attributes.transA;
  return op === 'reshape';
}
