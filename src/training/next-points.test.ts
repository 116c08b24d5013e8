import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import type { Grid } from '../base/raster.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { chamferDistance } from './chamfer.ts';
import { clickCandidates, nextPoints, PAPER_NEXT_POINTS } from './next-points.ts';
import type { Point } from './points.ts';

const GOLDEN = join(import.meta.dirname, '../../../shared/golden');
const NAME = 'next_points.json';
const found = existsSync(GOLDEN) ? readdirSync(GOLDEN, { recursive: true, encoding: 'utf8' }) : [];
const goldens = found.filter(path => path.endsWith(NAME)).map(path => join(GOLDEN, path));
if (goldens.length === 0) console.warn(`skipped: no ${NAME} under ${GOLDEN}`);

interface Case {
  i: number;
  note: string;
  h: number;
  w: number;
  click_indx: number;
  fn_max: number;
  fp_max: number;
  is_positive: boolean;
  n_admissible: number;
  slot: number | null;
}

const likeThePaper = { ...PAPER_NEXT_POINTS, clickIgnored: true };
const full: Point[] = Array.from({ length: 48 }, (_, i) => ({ row: -1, col: i, positive: i < 24, round: 0 }));

describe.skipIf(goldens.length === 0)('parity with the paper', () => {
  it.each(goldens)('%s', path => {
    const { cases } = JSON.parse(readFileSync(path, 'utf8')).next_points as { cases: Case[] };
    const { tensors } = readSafetensors(path.replace('.json', '.safetensors'));
    expect(cases.length).toBeGreaterThan(0);
    for (const given of cases) {
      const label = `case ${given.i}: ${given.note}`;
      const size = { width: given.w, height: given.h };
      const prediction = { ...size, data: tensors.get(`pred_${given.i}`)?.data as Float32Array };
      const target = { ...size, data: tensors.get(`gt_${given.i}`)?.data as Float32Array };
      const { positive, pixels } = clickCandidates(prediction, target, likeThePaper);
      expect(positive, label).toBe(given.is_positive);
      expect(pixels.length, label).toBe(given.n_admissible);
      const admissible = new Uint8Array(size.width * size.height);
      for (const pixel of pixels) admissible[pixel] = 1;
      expect(Buffer.compare(admissible, tensors.get(`admissible_${given.i}`)?.data as Uint8Array), label).toBe(0);

      const limit = Math.fround(0.49);
      const errors = {
        fn: prediction.data.map((p, i) => +(target.data[i] > 0.5 && p < limit)),
        fp: prediction.data.map((p, i) => +(!(target.data[i] > 0.5) && p > limit)),
      };
      for (const [kind, maximum] of [
        ['fn', given.fn_max],
        ['fp', given.fp_max],
      ] as const) {
        const distance = chamferDistance({ ...size, data: Uint8Array.from(errors[kind]) });
        expect(
          distance.reduce((a, b) => Math.max(a, b)),
          label,
        ).toBe(maximum);
        const expected = tensors.get(`${kind}_dt_${given.i}`);
        if (expected)
          expect(
            distance.every((value, i) => value === expected.data[i]),
            label,
          ).toBe(true);
      }

      const points = nextPoints(full, prediction, target, given.click_indx, likeThePaper, Random.of(given.i));
      const changed = points.flatMap((point, i) => (point === full[i] ? [] : [i]));
      expect(changed, label).toEqual(given.slot === null ? [] : [given.slot]);
      for (const i of changed) {
        expect(admissible[points[i].row * size.width + points[i].col], label).toBe(1);
        expect(points[i].round).toBe(given.click_indx);
      }
    }
  });
});

describe('nextPoints', () => {
  const size = { width: 9, height: 9 };
  const grid = (value: (x: number, y: number) => number): Grid<Float32Array> => ({
    ...size,
    data: Float32Array.from({ length: 81 }, (_, i) => value(i % 9, Math.floor(i / 9))),
  });
  const nothing = grid(() => 0);
  const square = grid((x, y) => +(x >= 2 && x < 7 && y >= 2 && y < 7));

  it('clicks every pixel of the inner half alike', () => {
    const hits = new Map<string, number>();
    const random = Random.of(5);
    for (let i = 0; i < 900; i++) {
      const [point] = nextPoints([], nothing, square, 1, PAPER_NEXT_POINTS, random);
      expect(point).toMatchObject({ positive: true, round: 1 });
      hits.set(`${point.row},${point.col}`, (hits.get(`${point.row},${point.col}`) ?? 0) + 1);
    }
    expect([...hits.keys()].sort()).toEqual(['3,3', '3,4', '3,5', '4,3', '4,4', '4,5', '5,3', '5,4', '5,5']);
    for (const count of hits.values()) expect(Math.abs(count - 100)).toBeLessThan(5 * Math.sqrt(100));
  });

  it('gives a negative click on a false positive and none where all is right', () => {
    expect(nextPoints([], square, nothing, 2, PAPER_NEXT_POINTS, Random.of(0))).toMatchObject([
      { positive: false, round: 2 },
    ]);
    expect(nextPoints([], square, square, 2, PAPER_NEXT_POINTS, Random.of(0))).toEqual([]);
  });

  it('leaves ignored pixels alone unless told otherwise', () => {
    const ignored = grid((x, y) => (square.data[y * 9 + x] === 1 ? -1 : 0));
    expect(nextPoints([], square, ignored, 1, PAPER_NEXT_POINTS, Random.of(0))).toEqual([]);
    expect(nextPoints([], square, ignored, 1, likeThePaper, Random.of(0))).toMatchObject([{ positive: false }]);
  });
});
