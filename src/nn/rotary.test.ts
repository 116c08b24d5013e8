import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { evaluate, uniform } from '../../test/support/run.ts';
import { input } from '../graph/tensor.ts';
import { rotary } from './rotary.ts';

const d = 8;

/** Turns one vector for every token of a grid. */
async function turned(vector: readonly number[], height: number, width: number, prefix = 0): Promise<number[][]> {
  const tokens = prefix + height * width;
  const x = input('x', [1, 1, tokens, d], 'image');
  const data = Float32Array.from({ length: tokens * d }, (_, i) => vector[i % d]);
  const { y } = await evaluate({ y: rotary({ height, width, prefix }, d)(x) }, { x: data });
  return Array.from({ length: tokens }, (_, t) => [...y.subarray(t * d, (t + 1) * d)]);
}

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, v, i) => sum + v * b[i], 0);

describe('rotary', () => {
  it('turns the first pair by 2 pi times the row, in -1..1 between borders, the last by the slowest column angle', async () => {
    // two rows: centres at -1/2 and 1/2; one column: centre at 0
    const [top, bottom] = await turned([1, 0, 0, 0, 0, 0, 0, 0], 2, 1);
    expectClose(top, [Math.cos(-Math.PI), 0, 0, 0, Math.sin(-Math.PI), 0, 0, 0], 1e-6, 'top');
    expectClose(bottom, [Math.cos(Math.PI), 0, 0, 0, Math.sin(Math.PI), 0, 0, 0], 1e-6, 'bottom');
    // the second frequency is 100^(1/2) = 10 times slower
    const [left, right] = await turned([0, 0, 0, 1, 0, 0, 0, 0], 1, 2);
    expectClose(left, [0, 0, 0, Math.cos(Math.PI / 10), 0, 0, 0, -Math.sin(Math.PI / 10)], 1e-6, 'left');
    expectClose(right, [0, 0, 0, Math.cos(Math.PI / 10), 0, 0, 0, Math.sin(Math.PI / 10)], 1e-6, 'right');
  });

  it('leaves tokens in front of the grid alone', async () => {
    const vector = [...uniform([d], -1, 1, 'v')];
    const [first, second, third] = await turned(vector, 1, 2, 2);
    expect(first).toEqual(vector);
    expect(second).toEqual(vector);
    expect(third).not.toEqual(vector);
  });

  it('makes products depend on the offset between cells alone', async () => {
    const [q, k] = ['q', 'k'].map(name => [...uniform([d], -1, 1, name)]);
    const [h, w] = [3, 4];
    const [qs, ks] = [await turned(q, h, w), await turned(k, h, w)];
    const product = (i: number, j: number, di: number, dj: number) => dot(qs[i * w + j], ks[(i + di) * w + j + dj]);
    for (const [di, dj] of [
      [1, 0],
      [0, 1],
      [1, 2],
    ]) {
      const all: number[] = [];
      for (let i = 0; i + di < h; i++) for (let j = 0; j + dj < w; j++) all.push(product(i, j, di, dj));
      for (const one of all) expect(one).toBeCloseTo(all[0], 5);
    }
    expect(product(0, 0, 1, 0)).not.toBeCloseTo(product(0, 0, 0, 1), 3);
  });
});
