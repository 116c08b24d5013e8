import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { thresholds } from './object-metrics.ts';
import { summarize } from './summary.ts';

const curves = [
  { id: 'a#0', ious: [0.5, 0.9, 0.96], seconds: 3 },
  { id: 'b#0', ious: [0.25, 0.5, 0.82], seconds: 4.5 },
  { id: 'c#0', ious: [0.875, 0.86, 0.8], seconds: 1.5 },
];

describe('summarize', () => {
  it('makes a table row', () => {
    const { ci, miou, ...row } = summarize(curves, { maxClicks: 3 });
    expect(row).toEqual({
      objects: 3,
      maxClicks: 3,
      iou1: (0.5 + 0.25 + 0.875) / 3,
      miou5: null,
      biou1: null,
      biou5: null,
      secondsPerClick: 1,
      noc80: (2 + 3 + 1) / 3,
      noc85: (2 + 3 + 1) / 3,
      noc90: (2 + 3 + 3) / 3,
      noc95: 3,
      nof80: 0,
      nof85: 1,
      nof90: 2,
      nof95: 2,
      atMax80: 1,
      atMax85: 1,
      atMax90: 2,
      atMax95: 3,
    });
    expect(miou.length).toBe(3);
    expect(miou[1]).toBeCloseTo((0.9 + 0.5 + 0.86) / 3, 12);
    expect(ci.noc80).toEqual([1, 3]);
    expect(ci.noc95).toEqual([3, 3]);
    expect(ci.iou1).toEqual(ci.miou[0]);
    expect(ci.miou.length).toBe(3);
    expect([ci.miou5, ci.biou1, ci.biou5]).toEqual([null, null, null]);
  });

  it('has 5-mIoU where every curve has five clicks, boundary IoU where every curve carries it', () => {
    const long = [1, 2, 3].map(i => ({
      id: `${i}#0`,
      ious: [0.1, 0.2, 0.3, 0.4, 0.25 * i],
      boundary: [0.1 * i, 0, 0, 0, 0.2 * i],
      seconds: 1,
    }));
    const row = summarize(long, { maxClicks: 5 });
    expect(row.miou5).toBeCloseTo(0.5, 12);
    expect(row.miou5).toBe(row.miou[4]);
    expect(row.ci.miou5).toEqual(row.ci.miou[4]);
    expect(row.biou1).toBeCloseTo(0.2, 12);
    expect(row.biou5).toBeCloseTo(0.4, 12);
    expect(row.ci.biou5![0]).toBeLessThan(row.ci.biou5![1]);
    const { boundary: _, ...bare } = long[0];
    expect(summarize([bare, ...long.slice(1)], { maxClicks: 5 }).biou1).toBeNull();
  });

  it('tells nothing above the IoU at which objects were stopped', () => {
    const stopped = [
      { id: 'a#0', ious: [0.5, 0.97], seconds: 1 },
      { id: 'b#0', ious: [0.93], seconds: 1 },
      { id: 'c#0', ious: [0.2, 0.3, 0.4], seconds: 1 },
    ];
    const row = summarize(stopped, { maxClicks: 3, targetIou: 0.9 });
    expect(row).toMatchObject({ noc90: (2 + 1 + 3) / 3, nof90: 1, atMax90: 1 });
    expect(row).toMatchObject({ noc95: null, nof95: null, atMax95: null, ci: { noc95: null } });
    // the third object could be the only one with a second click: no mean of what is left
    expect(row.miou.length).toBe(1);
    // the rule is of the run, not of what its objects happened to reach
    expect(summarize(stopped.slice(0, 1), { maxClicks: 3, targetIou: 0.9 }).noc95).toBeNull();
    // a stop that was not told is seen where it matters
    expect(summarize(stopped, { maxClicks: 3 })).toMatchObject({ noc90: 2, noc95: null });
  });

  it('gives for stopped curves what whole ones give, up to the target', () => {
    const iou = fc.double({ min: 0, max: 1, noNaN: true });
    const whole = fc.array(fc.array(iou, { minLength: 6, maxLength: 6 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(whole, fc.constantFrom(0.8, 0.85, 0.9, 0.95), (all, targetIou) => {
        const curvesOf = (lists: number[][]) => lists.map((ious, i) => ({ id: `${i}#0`, ious, seconds: 1 }));
        const cut = all.map(ious => {
          const at = ious.findIndex(value => Math.fround(value) >= Math.fround(targetIou));
          return at === -1 ? ious : ious.slice(0, at + 1);
        });
        const [full, part] = [all, cut].map((lists, i) =>
          summarize(curvesOf(lists), { maxClicks: 6, resamples: 20, targetIou: i === 0 ? null : targetIou }),
        );
        for (const t of thresholds) {
          const known = t / 100 <= targetIou;
          expect(part[`noc${t}`]).toBe(known ? full[`noc${t}`] : null);
          expect(part[`nof${t}`]).toBe(known ? full[`nof${t}`] : null);
          expect(part[`atMax${t}`]).toBe(known ? full[`atMax${t}`] : null);
          expect(part.ci[`noc${t}`]).toEqual(known ? full.ci[`noc${t}`] : null);
        }
        for (const [k, value] of part.miou.entries()) expect(value).toBe(full.miou[k]);
      }),
      { numRuns: 40 },
    );
  });

  it('averages the repetitions of an object: they are no further objects', () => {
    const once = [0, 1, 2, 3].map(i => ({ id: `${i}#0`, ious: [0.2 * i, 0.3 * i], seconds: 1 }));
    const thrice = once.flatMap(curve => [0, 1, 2].map(repetition => ({ ...curve, repetition })));
    const [a, b] = [once, thrice].map(curves => summarize(curves, { maxClicks: 2 }));
    expect(b.objects).toBe(4);
    expect(b.noc80).toBeCloseTo(a.noc80!, 12);
    for (const end of [0, 1]) expect(b.ci.iou1[end]).toBeCloseTo(a.ci.iou1[end], 12);
    expect([b.nof80, b.atMax80, b.secondsPerClick]).toEqual([a.nof80, a.atMax80, a.secondsPerClick]);
    const mixed = [
      { id: 'x#0', repetition: 0, ious: [0.9], seconds: 1 },
      { id: 'x#0', repetition: 1, ious: [0.5], seconds: 1 },
    ];
    expect(summarize(mixed, { maxClicks: 1 })).toMatchObject({ objects: 1, iou1: 0.7, nof80: 0.5 });
  });

  it('refuses no curves, and curves of another limit', () => {
    expect(() => summarize([])).toThrow(UserError);
    expect(() => summarize(curves, { maxClicks: 2 })).toThrow(/a#0.*3 clicks/);
    expect(() => summarize([{ id: 'x#0', ious: [], seconds: 0 }])).toThrow(UserError);
  });
});
