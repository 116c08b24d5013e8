import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergedGranularity, partWeights, roundTenth, scaleGranularity, semanticGranularity } from './measures.ts';

const tenths = fc.integer({ min: 1, max: 10 }).map(i => i / 10);

describe('roundTenth', () => {
  it('rounds as Python does', () => {
    // round(x, 1) of CPython 3
    const cases: [number, number][] = [
      [0.25, 0.2],
      [0.75, 0.8],
      [1.25, 1.2],
      [0.05, 0.1],
      [0.15, 0.1],
      [0.35, 0.3],
      [0.45, 0.5],
      [0.55, 0.6],
      [0.65, 0.7],
      [0.85, 0.8],
      [0.95, 0.9],
      [0, 0],
      [1 / 3, 0.3],
    ];
    for (const [value, rounded] of cases) expect([value, roundTenth(value)]).toEqual([value, rounded]);
  });
});

describe('scaleGranularity', () => {
  it('is the share of the area, at least .1, and above 1 where the part is larger', () => {
    expect([1, 300, 500, 960, 1100].map(area => scaleGranularity(area, 1000))).toEqual([0.1, 0.3, 0.5, 1, 1.1]);
  });
});

describe('semanticGranularity', () => {
  const grid = (...data: number[]) => ({ width: data.length, height: 1, data: Uint8Array.from(data) });
  const object = grid(1, 1, 1, 1, 0);
  const probability = { width: 5, height: 1, data: Float32Array.of(0.9, 0.8, 0.5, 0.4, 0) };

  it('compares the ranges of probabilities', () => {
    expect(semanticGranularity(probability, grid(1, 1, 0, 0, 0), object)).toBe(0.2);
    expect(semanticGranularity(probability, object, object)).toBe(1);
    expect(semanticGranularity(probability, grid(1, 0, 0, 0, 1), object)).toBe(1);
    expect(semanticGranularity(probability, grid(0, 1, 0, 0, 0), object)).toBe(0);
  });

  it('is 1 where nothing tells the parts of the object apart', () => {
    const flat = { ...probability, data: new Float32Array(5).fill(0.5) };
    expect(semanticGranularity(flat, grid(1, 0, 0, 0, 0), object)).toBe(1);
  });
});

describe('mergedGranularity', () => {
  it('is the scale, whatever the semantic granularity', () => {
    fc.assert(fc.property(tenths, tenths, (semantic, scale) => mergedGranularity(semantic, scale) === scale));
  });
});

describe('partWeights', () => {
  it('draws rare granularities as often as frequent ones', () => {
    const counts = new Map([
      [0.2, 80],
      [0.9, 20],
    ]);
    // .2: 100 / 80, shared by two; .9: 100 / 20
    expect(partWeights([0.2, 0.9, 0.2], counts)).toEqual([0.625, 5, 0.625]);
  });
});
