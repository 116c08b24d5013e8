import { expect, it } from 'vitest';
import { toProbability } from '../src/interaction/session.ts';
import { withMirror } from './flip.ts';

const mirrorAveraged = (logits: Float32Array, size: number) => toProbability(logits, true, size, size);

it('appends the mirror image of every plane', () => {
  const planes = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  expect([...withMirror(planes, 2)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 2, 1, 4, 3, 6, 5, 8, 7]);
});

it('averages logits with the mirrored-back ones, then takes the sigmoid', () => {
  const logits = Float32Array.of(1, 2, 3, 4, 20, 10, 40, 30);
  const expected = [(1 + 10) / 2, (2 + 20) / 2, (3 + 30) / 2, (4 + 40) / 2].map(z => 1 / (1 + Math.exp(-z)));
  mirrorAveraged(logits, 2).forEach((p, i) => {
    expect(p).toBeCloseTo(expected[i], 6);
  });
});

it('a network that sees no difference between left and right gives the same with flip as without', () => {
  const logits = Float32Array.from({ length: 9 }, (_, i) => i - 4);
  const probabilities = mirrorAveraged(withMirror(logits, 3), 3);
  probabilities.forEach((p, i) => {
    expect(p).toBeCloseTo(1 / (1 + Math.exp(-logits[i])), 6);
  });
});
