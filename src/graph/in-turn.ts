import { detach } from './ops/elementwise.ts';
import { after } from './ops/layout.ts';
import { sources, type Tensor } from './tensor.ts';

/** First item and number of items of `parts` parts of about the same size. */
export function evenParts(count: number, parts: number): { start: number; length: number }[] {
  const start = (i: number) => Math.floor((i * count) / parts);
  return Array.from({ length: parts }, (_, i) => ({ start: start(i), length: start(i + 1) - start(i) }));
}

/**
 * What a chunk is made of, not before `last`, the chunk before it. Going back, `last` waits for the gradients to these, the
 * last one's first; those that come from the image alone are left out, as no gradient is asked for them.
 */
export function inTurn(pieces: readonly Tensor[], last: Tensor | undefined): Tensor[] {
  let gate = last;
  return pieces.map(piece => {
    if (!gate) return piece;
    const fixed = sources([piece]).every(({ attributes: { rate } }) => rate === 'frozen' || rate === 'image');
    const waiting = after(piece, fixed ? detach(gate) : gate);
    if (!fixed) gate = waiting;
    return waiting;
  });
}
