import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import type { Matrix } from '../graph/tensor.ts';
import { adaptiveAverage, bicubic, bicubicAntialias, bilinear, boxMean, nearest, reflectPad } from './resize.ts';

/** The matrix times a vector. */
const applied = ({ rows, cols, data }: Matrix, x: readonly number[]): number[] =>
  Array.from({ length: rows }, (_, i) => x.reduce((sum, v, j) => sum + data[i * cols + j] * v, 0));

const ramp = (n: number) => Array.from({ length: n }, (_, i) => i);

const resizes: [string, (size: number, out: number) => Matrix][] = [
  ['bilinear, corners aligned', (size, out) => bilinear(size, out, { alignCorners: true })],
  ['bilinear', (size, out) => bilinear(size, out, { alignCorners: false })],
  ['bicubic', (size, out) => bicubic(size, out)],
  ['bicubic, antialiased', bicubicAntialias],
  ['nearest', nearest],
  ['adaptive average', adaptiveAverage],
];

describe.each(resizes)('%s', (_, resize) => {
  it('has rows that sum to 1, and is the identity at its own size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 90 }), (size, out) => {
        const matrix = resize(size, out);
        expect([matrix.rows, matrix.cols, matrix.data.length]).toEqual([out, size, out * size]);
        expectClose(applied(matrix, Array(size).fill(1)), Array(out).fill(1), 1e-6, 'the sums of rows');
        expectClose(applied(resize(size, size), ramp(size)), ramp(size), 1e-6, 'the resize to its own size');
      }),
      { numRuns: 60, seed: 1 },
    );
  });
});

// nearest neighbour rounds down, so it has a direction
describe.each(resizes.filter(([, resize]) => resize !== nearest))('%s', (_, resize) => {
  it('is symmetric under mirroring', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 2, max: 50 }), (size, out) => {
        const x = ramp(size).map(i => Math.sin(3 * i));
        const mirrored = applied(resize(size, out), x.toReversed()).toReversed();
        expectClose(mirrored, applied(resize(size, out), x), 1e-5, 'the mirror image');
      }),
      { numRuns: 40, seed: 1 },
    );
  });
});

describe('by hand', () => {
  it.each<[string, Matrix, number[], number[]]>([
    ['aligned corners keep the ends', bilinear(3, 5, { alignCorners: true }), [0, 2, 6], [0, 1, 2, 4, 6]],
    ['aligned corners to one take the first', bilinear(3, 1, { alignCorners: true }), [5, 2, 6], [5]],
    ['unaligned corners clamp', bilinear(2, 4, { alignCorners: false }), [0, 4], [0, 1, 3, 4]],
    ['unaligned corners shrink', bilinear(4, 2, { alignCorners: false }), [0, 1, 2, 3], [0.5, 2.5]],
    // weights at 1/4 and 3/4 of A = -.75 (far, near): -.10546875, .87890625, .26171875, -.03515625
    ['bicubic', bicubic(2, 4), [0, 1], [-0.10546875, 0.2265625, 0.7734375, 1.10546875]],
    // by the kernel at .25, .25, .75 and 1.25 of a doubled width, scaled to sum 1
    ['bicubic, antialiased, shrinks', bicubicAntialias(4, 2), [0, 1, 2, 3], [0.5867769, 2.4132231]],
    ['bicubic, antialiased, enlarges', bicubicAntialias(2, 4), [0, 1], [-0.0882353, 0.2071429, 0.7928571, 1.0882353]],
    ['nearest', nearest(3, 7), [1, 2, 3], [1, 1, 1, 2, 2, 3, 3]],
    ['nearest shrinks', nearest(5, 2), [1, 2, 3, 4, 5], [1, 3]],
    ['adaptive average shrinks', adaptiveAverage(5, 2), [1, 2, 3, 4, 5], [2, 4]],
    ['adaptive average enlarges', adaptiveAverage(4, 6), [0, 1, 2, 3], [0, 0.5, 1, 2, 2.5, 3]],
    ['reflection', reflectPad(4, 2), [0, 1, 2, 3], [2, 1, 0, 1, 2, 3, 2, 1]],
    ['no reflection', reflectPad(2, 0), [4, 5], [4, 5]],
    ['box mean', boxMean(4, 1), [1, 2, 6, 10], [1.5, 3, 6, 8]],
    ['box mean wider than all', boxMean(3, 5), [1, 2, 6], [3, 3, 3]],
  ])('%s', (_, matrix, x, expected) => expectClose(applied(matrix, x), expected, 1e-6, 'the result'));

  it('nearest rounds the place to float32, as the original code does', () => {
    // 41 * (2 / 82) is 1, in float32 .99999994
    expect(applied(nearest(2, 82), [0, 1]).indexOf(1)).toBe(42);
    expect(applied(nearest(2, 80), [0, 1]).indexOf(1)).toBe(40);
  });

  it('bicubic with another scale moves the places, not the number of outputs', () => {
    const at = (i: number, scale: number) => (i + 0.5) / scale - 0.5;
    // on a straight line away from the borders a cubic convolution gives the place itself
    const places = applied(bicubic(20, 10, 10.1 / 20), ramp(20));
    for (const i of [3, 4, 5, 6]) expect(places[i]).toBeCloseTo(at(i, 10.1 / 20), 1);
    expect(places[5]).not.toBeCloseTo(applied(bicubic(20, 10), ramp(20))[5], 2);
  });
});
