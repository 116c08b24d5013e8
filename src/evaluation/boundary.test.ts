import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Mask, Target } from '../base/raster.ts';
import { boundaryIou } from './boundary.ts';

/** From drawings: `#` object, `?` ignored, anything else background. */
function target(...rows: string[]): Target {
  const data = Int8Array.from([...rows.join('')], char => (char === '#' ? 1 : char === '?' ? -1 : 0));
  return { width: rows[0].length, height: rows.length, data };
}

function mask(...rows: string[]): Mask {
  const { width, height, data } = target(...rows);
  return { width, height, data: Uint8Array.from(data, value => Number(value === 1)) };
}

const filled = (width: number, height: number, inside: (x: number, y: number) => boolean) =>
  Array.from({ length: width * height }, (_, i) => Number(inside(i % width, Math.floor(i / width))));

const targetOf = (width: number, height: number, inside: (x: number, y: number) => boolean): Target => ({
  width,
  height,
  data: Int8Array.from(filled(width, height, inside)),
});
const maskOf = (width: number, height: number, inside: (x: number, y: number) => boolean): Mask => ({
  width,
  height,
  data: Uint8Array.from(filled(width, height, inside)),
});
const box = (left: number, top: number, width: number, height: number) => (x: number, y: number) =>
  x >= left && x < left + width && y >= top && y < top + height;

describe('boundaryIou', () => {
  it('compares the bands, not the areas', () => {
    const truth = target('.......', '.#####.', '.#####.', '.#####.', '.#####.', '.#####.', '.......');
    const ring = mask('.......', '.#####.', '.#...#.', '.#...#.', '.#...#.', '.#####.', '.......');
    // both bands are the ring of 16 pixels
    expect(boundaryIou(truth, ring)).toBe(1);
    const smaller = mask('.......', '.......', '..###..', '..###..', '..###..', '.......', '.......');
    expect(boundaryIou(truth, smaller)).toBe(0);
    // the object's ring of 16 and that of 5 x 4, 14: 5 + 3 + 3 in common
    const shorter = mask('.......', '.#####.', '.#####.', '.#####.', '.#####.', '.......', '.......');
    expect(boundaryIou(truth, shorter)).toBeCloseTo(11 / (16 + 14 - 11), 12);
  });

  it('takes the frame for an edge', () => {
    const everything = target('####', '####', '####', '####');
    const ring = mask('####', '#..#', '#..#', '####');
    expect(boundaryIou(everything, ring)).toBe(1);
    expect(boundaryIou(everything, mask('....', '.##.', '.##.', '....'))).toBe(0);
  });

  it('sees diagonal neighbours', () => {
    const truth = target('#####', '#####', '#####', '#####', '####.');
    // the pixel beside the notch is of the band though its four neighbours are set
    const band = mask('#####', '#...#', '#...#', '#..##', '####.');
    expect(boundaryIou(truth, band)).toBe(1);
  });

  it.each([
    [15, 20, 1],
    [45, 60, 2],
    // exactly 2.5 px, to the even side
    [75, 100, 2],
    [105, 140, 4],
    [300, 400, 10],
  ])('has a band of 2 %% of the diagonal: %d x %d, %d px', (width, height, band) => {
    const all = () => true;
    const frame = (thickness: number) =>
      maskOf(width, height, (x, y) => !box(thickness, thickness, width - 2 * thickness, height - 2 * thickness)(x, y));
    const pixels = (thickness: number) => width * height - (width - 2 * thickness) * (height - 2 * thickness);
    expect(boundaryIou(targetOf(width, height, all), frame(band))).toBe(1);
    if (band > 1) {
      expect(boundaryIou(targetOf(width, height, all), frame(band - 1))).toBeCloseTo(
        pixels(band - 1) / pixels(band),
        12,
      );
    }
  });

  it('has 1 where the prediction is right wherever the truth is known', () => {
    const truth = target('.......', '.?????.', '.?###?.', '.?###?.', '.?###?.', '.?????.', '.......');
    const wide = mask('.......', '.#####.', '.#####.', '.#####.', '.#####.', '.#####.', '.......');
    const narrow = mask('.......', '.......', '..###..', '..###..', '..###..', '.......', '.......');
    expect(boundaryIou(truth, wide)).toBe(1);
    expect(boundaryIou(truth, narrow)).toBe(1);
    const spilled = mask('#######', '#######', '#######', '#######', '#######', '#######', '#######');
    // known pixels: the object's ring of 8, and the frame's 24 that are wrong
    expect(boundaryIou(truth, spilled)).toBeCloseTo(8 / 32, 12);
  });

  it('is 1 for nothing found where nothing is, 0 for nothing found of something', () => {
    const nothing = () => false;
    expect(boundaryIou(targetOf(5, 5, nothing), maskOf(5, 5, nothing))).toBe(1);
    expect(boundaryIou(targetOf(5, 5, box(1, 1, 3, 3)), maskOf(5, 5, nothing))).toBe(0);
    expect(boundaryIou(target('??', '??'), mask('##', '..'))).toBe(1);
  });

  it('refuses another size', () => {
    expect(() => boundaryIou(targetOf(5, 4, box(0, 0, 1, 1)), maskOf(4, 5, box(0, 0, 1, 1)))).toThrow(RangeError);
  });

  it('equals the definition: set pixels with an unset one, or the outside, within the band', () => {
    const sides = fc.integer({ min: 1, max: 14 });
    const labels = fc.array(fc.constantFrom(0, 1, 1, 1, -1), { minLength: 14 * 14, maxLength: 14 * 14 });
    const predictions = fc.array(fc.constantFrom(0, 1, 1, 1), { minLength: 14 * 14, maxLength: 14 * 14 });
    fc.assert(
      fc.property(sides, sides, labels, predictions, fc.constantFrom(0.02, 0.1, 0.17), (width, height, a, b, ratio) => {
        const truth = { width, height, data: Int8Array.from(a.slice(0, width * height)) };
        const found = { width, height, data: Uint8Array.from(b.slice(0, width * height)) };
        const radius = Math.max(1, Math.round(ratio * Math.hypot(width, height)));
        const band = (inside: (i: number) => boolean) => (i: number) => {
          if (!inside(i)) return false;
          for (let dy = -radius; dy <= radius; dy++) {
            for (let dx = -radius; dx <= radius; dx++) {
              const [x, y] = [(i % width) + dx, Math.floor(i / width) + dy];
              if (x < 0 || y < 0 || x >= width || y >= height || !inside(y * width + x)) return true;
            }
          }
          return false;
        };
        const known = [...truth.data.keys()].filter(i => truth.data[i] !== -1);
        const ofObject = band(i => truth.data[i] === 1);
        const ofFound = band(i => truth.data[i] !== -1 && found.data[i] === 1);
        const both = known.filter(i => ofObject(i) && ofFound(i)).length;
        const either = known.filter(i => ofObject(i) || ofFound(i)).length;
        expect(boundaryIou(truth, found, ratio)).toBe(either === 0 ? 1 : both / either);
      }),
      { numRuns: 60 },
    );
  });
});
