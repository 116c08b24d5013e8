import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Mask, Target } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';
import { nextClick } from './clicker.ts';
import { type Clicker, clickRule, randomClickers } from './clickers.ts';

/** '#' object, '?' ignored, anything else background. */
function targetOf(...rows: string[]): Target {
  const data = Int8Array.from(rows.join(''), c => (c === '#' ? 1 : c === '?' ? -1 : 0));
  return { width: rows[0].length, height: rows.length, data };
}

function maskOf(...rows: string[]): Mask {
  return { width: rows[0].length, height: rows.length, data: Uint8Array.from(rows.join(''), c => (c === '#' ? 1 : 0)) };
}

const random = (repetition: number, objectId = 'a#0', seed = 0) =>
  clickRule({ kind: 'random', seed, repetition }, objectId);

describe('the random clicker', () => {
  const target = targetOf('####.#', '####..', '####..', '??....');
  const empty = maskOf('......', '......', '......', '......');

  it('draws every pixel of the larger error as often, its small parts included', () => {
    const counts = new Map<string, number>();
    const draws = 2600;
    for (let i = 0; i < draws; i++) {
      const { x, y, positive } = random(i)(target, empty, []);
      expect(positive).toBe(true);
      counts.set(`${x},${y}`, (counts.get(`${x},${y}`) ?? 0) + 1);
    }
    const pixels = [0, 1, 2].flatMap(y => [0, 1, 2, 3].map(x => `${x},${y}`));
    expect([...counts.keys()].sort()).toEqual([...pixels, '5,0'].sort());
    // 200 expected each; chi-squared with 12 degrees of freedom is below 32.9 with probability .999
    const chi = [...counts.values()].reduce((sum, n) => sum + (n - 200) ** 2 / 200, 0);
    expect(chi).toBeLessThan(32.9);
  });

  it('takes the error that the centre clicker takes, not the one with more pixels', () => {
    const thin = targetOf('.........', '.........', '.........', '.........', '#########');
    const block = maskOf('###......', '###......', '###......', '.........', '.........');
    for (let i = 0; i < 20; i++) {
      const { x, y, positive } = random(i)(thin, block, []);
      expect(positive).toBe(false);
      expect(x < 3 && y < 3).toBe(true);
    }
  });

  it('depends on seed, object, repetition and number of clicks, and on nothing else', () => {
    const big: Target = { width: 50, height: 40, data: new Int8Array(2000).fill(1) };
    const none: Mask = { width: 50, height: 40, data: new Uint8Array(2000) };
    const first = random(1)(big, none, []);
    const rule = random(1);
    rule(big, none, [{ x: 4, y: 4, positive: true }]);
    expect(rule(big, none, [])).toEqual(first);
    const others = [
      random(2)(big, none, []),
      random(1, 'a#1')(big, none, []),
      random(1, 'a#0', 1)(big, none, []),
      // the first pixel of all shifts what is left by one, no more
      random(1)(big, none, [{ x: 0, y: 0, positive: true }]),
    ];
    const places = new Set([first, ...others].map(({ x, y }) => y * 50 + x));
    expect(places.size).toBe(5);
  });

  it('lands in the error of the centre clicker, on a pixel that is neither clicked nor ignored', () => {
    const cases = fc
      .record({ width: fc.integer({ min: 1, max: 10 }), height: fc.integer({ min: 1, max: 10 }) })
      .chain(({ width, height }) => {
        const cells = (max: number) => fc.array(fc.nat(max), { minLength: width * height, maxLength: width * height });
        return fc.record({ width: fc.constant(width), labels: cells(5), predicted: cells(1), repetition: fc.nat(9) });
      });
    fc.assert(
      fc.property(cases, ({ width, labels, predicted, repetition }) => {
        const height = labels.length / width;
        const target = { width, height, data: Int8Array.from(labels, v => (v === 0 ? -1 : v > 3 ? 1 : 0)) };
        const prediction = { width, height, data: Uint8Array.from(predicted) };
        const rule = random(repetition);
        const clicked: Click[] = [];
        let errors = target.data.filter((label, i) => label !== -1 && (label === 1) !== (predicted[i] === 1)).length;
        for (; errors > 0; errors--) {
          const click = rule(target, prediction, clicked);
          expect(click.positive).toBe(nextClick(target, prediction, clicked).positive);
          const at = click.y * width + click.x;
          expect(target.data[at]).toBe(click.positive ? 1 : 0);
          expect(predicted[at]).toBe(click.positive ? 0 : 1);
          expect(clicked.some(({ x, y }) => x === click.x && y === click.y)).toBe(false);
          clicked.push(click);
        }
        expect(rule(target, prediction, clicked)).toEqual({ x: 0, y: 0, positive: false });
      }),
      { numRuns: 50 },
    );
  });
});

describe('clickRule', () => {
  it('clicks the centre by default of the field', () => {
    expect(clickRule({ kind: 'centre' }, 'a#0')).toBe(nextClick);
  });

  it('makes the users of a robustness test', () => {
    expect(randomClickers(7, 2)).toEqual([
      { kind: 'random', seed: 7, repetition: 0 },
      { kind: 'random', seed: 7, repetition: 1 },
    ] satisfies Clicker[]);
  });
});
