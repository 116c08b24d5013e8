import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Mask, Target } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';
import { nextClick } from './clicker.ts';
import { iou } from './iou.ts';

/** '#' object, '?' ignored, anything else background. */
function targetOf(...rows: string[]): Target {
  const data = Int8Array.from(rows.join(''), c => (c === '#' ? 1 : c === '?' ? -1 : 0));
  return { width: rows[0].length, height: rows.length, data };
}

function maskOf(...rows: string[]): Mask {
  return { width: rows[0].length, height: rows.length, data: Uint8Array.from(rows.join(''), c => (c === '#' ? 1 : 0)) };
}

describe('nextClick', () => {
  const empty = maskOf('.......', '.......', '.......');

  it('clicks the middle of what is missed', () => {
    expect(nextClick(targetOf('.#####.', '.#####.', '.#####.'), empty, [])).toEqual({ x: 2, y: 1, positive: true });
  });

  it('prefers the negative click in a tie, and the first pixel', () => {
    expect(nextClick(targetOf('###....', '###....', '###....'), maskOf('....###', '....###', '....###'), [])).toEqual({
      x: 5,
      y: 1,
      positive: false,
    });
  });

  it('does not click a pixel twice', () => {
    const target = targetOf('.......', '.##.##.', '.......');
    const clicked: Click[] = [{ x: 1, y: 1, positive: true }];
    expect(nextClick(target, empty, clicked)).toEqual({ x: 2, y: 1, positive: true });
  });

  it('leaves ignored pixels out', () => {
    const target = targetOf('???????', '??#????', '???????');
    const full = maskOf('#######', '#######', '#######');
    expect(nextClick(target, empty, [])).toEqual({ x: 2, y: 1, positive: true });
    expect(nextClick(target, full, [])).toEqual({ x: 0, y: 0, positive: false });
  });

  it('refuses a prediction of another size', () => {
    expect(() => nextClick(targetOf('##'), empty, [])).toThrow(/7x3/);
  });

  it('always lands in an error where one is left', () => {
    const cases = fc
      .record({ width: fc.integer({ min: 1, max: 12 }), height: fc.integer({ min: 1, max: 12 }) })
      .chain(({ width, height }) => {
        const cells = (max: number) => fc.array(fc.nat(max), { minLength: width * height, maxLength: width * height });
        return fc.record({
          width: fc.constant(width),
          height: fc.constant(height),
          labels: cells(5),
          predicted: cells(1),
        });
      });
    fc.assert(
      fc.property(cases, ({ width, height, labels, predicted }) => {
        const target = { width, height, data: Int8Array.from(labels, v => (v === 0 ? -1 : v > 3 ? 1 : 0)) };
        const prediction = { width, height, data: Uint8Array.from(predicted) };
        const clicked: Click[] = [];
        let errors = target.data.filter((label, i) => label !== -1 && (label === 1) !== (predicted[i] === 1)).length;
        for (; errors > 0; errors--) {
          const click = nextClick(target, prediction, clicked);
          const at = click.y * width + click.x;
          expect(target.data[at]).toBe(click.positive ? 1 : 0);
          expect(predicted[at]).toBe(click.positive ? 0 : 1);
          expect(clicked.some(({ x, y }) => x === click.x && y === click.y)).toBe(false);
          clicked.push(click);
        }
        expect(nextClick(target, prediction, clicked)).toEqual({ x: 0, y: 0, positive: false });
      }),
      { numRuns: 50 },
    );
  });
});

describe('iou', () => {
  it('leaves ignored pixels out', () => {
    expect(iou(targetOf('##??..'), maskOf('#.##.#'))).toBe(1 / 3);
  });

  it('is 1 where nothing is there and nothing predicted', () => {
    expect(iou(targetOf('..??'), maskOf('..##'))).toBe(1);
    expect(iou(targetOf('..??'), maskOf('#.##'))).toBe(0);
  });
});
