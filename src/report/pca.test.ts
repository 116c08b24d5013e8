import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { leadingEigenpairs } from './eigen.ts';
import { type FeatureMap, fitPca, pcaPicture, pcaRanges, projectPca } from './pca.ts';

function randomMap(seed: number, channels: number, height: number, width: number, rank = channels): FeatureMap {
  const random = Random.of(seed, 'map', height);
  const mixing = Random.of(seed, 'mixing');
  const basis = Array.from({ length: rank }, (_, k) =>
    Float64Array.from({ length: channels }, () => mixing.normal() / (1 + k)),
  );
  const data = new Float32Array(channels * height * width);
  for (let i = 0; i < height * width; i++) {
    const weights = basis.map(() => random.normal());
    for (let c = 0; c < channels; c++) {
      for (let k = 0; k < rank; k++) data[c * height * width + i] += weights[k] * basis[k][c];
    }
  }
  return { channels, height, width, data };
}

describe('leadingEigenpairs', () => {
  it('solves a 2x2 by hand', () => {
    const { values, vectors } = leadingEigenpairs(Float64Array.of(2, 1, 1, 2), 2, 2);
    expect(values[0]).toBeCloseTo(3, 12);
    expect(values[1]).toBeCloseTo(1, 12);
    expect(Math.abs(vectors[0][0] - vectors[0][1])).toBeLessThan(1e-12);
  });

  it('gives orthonormal vectors with A v = l v, larger than the block too', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 0, max: 1e6 }), (size, seed) => {
        const random = Random.of(seed, 'matrix');
        const root = Float64Array.from({ length: size * size }, () => random.normal());
        const matrix = new Float64Array(size * size);
        for (let i = 0; i < size; i++) {
          for (let j = 0; j < size; j++) {
            for (let k = 0; k < size; k++) matrix[i * size + j] += (root[i * size + k] * root[j * size + k]) / (1 + k);
          }
        }
        const { values, vectors } = leadingEigenpairs(matrix, size, 3);
        let trace = 0;
        for (let i = 0; i < size; i++) trace += matrix[i * size + i];
        const count = Math.min(3, size);
        for (let a = 0; a < count; a++) {
          const image = vectors[a].map((_, i) => vectors[a].reduce((sum, x, j) => sum + matrix[i * size + j] * x, 0));
          for (let i = 0; i < size; i++)
            expect(Math.abs(image[i] - values[a] * vectors[a][i])).toBeLessThan(1e-8 * trace);
          for (let b = 0; b <= a; b++) {
            const product = vectors[a].reduce((sum, x, i) => sum + x * vectors[b][i], 0);
            expect(product).toBeCloseTo(a === b ? 1 : 0, 8);
          }
          if (a > 0) expect(values[a]).toBeLessThanOrEqual(values[a - 1] + 1e-9 * trace);
        }
      }),
      { numRuns: 15 },
    );
  });

  it('takes equal eigenvalues and a zero matrix', () => {
    const identity = leadingEigenpairs(Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), 3, 3);
    expect(identity.values).toEqual([1, 1, 1].map(value => expect.closeTo(value, 12)));
    const zero = leadingEigenpairs(new Float64Array(4), 2, 3);
    expect(zero.values).toEqual([0, 0, 0]);
    expect(zero.vectors[2]).toEqual(new Float64Array(2));
  });

  it('finds the largest pairs of a big matrix with known spectrum', () => {
    const size = 400;
    const matrix = new Float64Array(size * size);
    for (let i = 0; i < size; i++) matrix[i * size + i] = 1 / (1 + ((i * 37) % size));
    const { values, vectors } = leadingEigenpairs(matrix, size, 3);
    expect(values.map(value => 1 / value)).toEqual([1, 2, 3].map(value => expect.closeTo(value, 9)));
    expect(vectors[0][0]).toBeCloseTo(1, 9);
  });
});

describe('fitPca and projectPca', () => {
  it('recovers a plane of variation and leaves the third component flat', () => {
    const map = randomMap(1, 12, 9, 7, 2);
    const out = projectPca(fitPca([map]), map);
    const size = map.height * map.width;
    for (const k of [0, 1]) {
      const plane = out.subarray(k * size, (k + 1) * size);
      expect(Math.min(...plane)).toBe(0);
      expect(Math.max(...plane)).toBe(1);
    }
  });

  it('does not change under a rotation of the channels, up to the sign of a component', () => {
    const map = randomMap(3, 2, 8, 8);
    const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
    const turned = { ...map, data: map.data.slice() };
    for (let i = 0; i < 64; i++) {
      turned.data[i] = c * map.data[i] - s * map.data[64 + i];
      turned.data[64 + i] = s * map.data[i] + c * map.data[64 + i];
    }
    const a = projectPca(fitPca([map]), map);
    const b = projectPca(fitPca([turned]), turned);
    for (const k of [0, 1]) {
      const same = Math.max(...range(64).map(i => Math.abs(a[k * 64 + i] - b[k * 64 + i])));
      const flipped = Math.max(...range(64).map(i => Math.abs(1 - a[k * 64 + i] - b[k * 64 + i])));
      expect(Math.min(same, flipped)).toBeLessThan(1e-5);
    }
  });

  it('is deterministic and signed: the largest weight of every component is positive', () => {
    const maps = [randomMap(5, 40, 6, 6), randomMap(5, 40, 12, 12)];
    const pca = fitPca(maps);
    expect(fitPca(maps)).toEqual(pca);
    for (const weights of pca.components) {
      expect(Math.max(...weights)).toBeCloseTo(Math.max(...weights.map(Math.abs)), 12);
    }
  });

  it('finds nearly the same components in evenly spaced positions', () => {
    const map = randomMap(7, 24, 60, 60, 3);
    const [all, some] = [fitPca([map], { maxPixels: 4000 }), fitPca([map], { maxPixels: 900 })];
    const cosine = all.components[0].reduce((sum, x, i) => sum + x * some.components[0][i], 0);
    expect(Math.abs(cosine)).toBeGreaterThan(0.99);
  });

  it('stretches several maps alike over the ranges of one, and cuts off what lies beyond', () => {
    const map = { channels: 1, height: 1, width: 3, data: Float32Array.of(-1, 0, 1) };
    const pca = fitPca([map]);
    const wider = { ...map, data: Float32Array.of(-2, 0.5, 3) };
    expect([...projectPca(pca, wider, pcaRanges(pca, map)).subarray(0, 3)]).toEqual([0, 0.75, 1]);
    expect(pcaPicture(pca, map, pcaRanges(pca, map))).toEqual(pcaPicture(pca, map));
  });

  it('pictures a constant map black, at the size of the map', () => {
    const map = { channels: 4, height: 2, width: 3, data: new Float32Array(24).fill(2) };
    expect(pcaPicture(fitPca([map]), map)).toEqual({ width: 3, height: 2, data: new Uint8Array(18) });
  });

  it('refuses what has no common PCA', () => {
    const broken = randomMap(1, 4, 2, 2);
    broken.data[5] = Number.NaN;
    expect(() => fitPca([])).toThrow(UserError);
    expect(() => fitPca([randomMap(1, 4, 2, 2), randomMap(1, 5, 2, 2)])).toThrow(/4, 5 channels/);
    expect(() => fitPca([broken])).toThrow(/channel 1 holds NaN/);
    expect(() => projectPca(fitPca([randomMap(1, 4, 2, 2)]), randomMap(1, 5, 2, 2))).toThrow(/5 channels/);
    expect(() => projectPca(fitPca([randomMap(1, 4, 2, 2)]), broken)).toThrow(/NaN/);
    expect(() => fitPca([{ channels: 2, height: 2, width: 2, data: new Float32Array(7) }])).toThrow(RangeError);
  });
});

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
