import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { type Click, type ClickMapOptions, drawClickMaps } from './maps.ts';

function draw(clicks: readonly Click[], height: number, width: number, options: ClickMapOptions): Float32Array {
  const out = new Float32Array(2 * height * width).fill(7);
  drawClickMaps(clicks, height, width, options, out);
  return out;
}

describe('drawClickMaps', () => {
  const disk = (radius: number): ClickMapOptions => ({ form: 'disk', radius });

  it('draws disks whose edge is inside, positive and negative apart', () => {
    const out = draw(
      [
        { x: 1, y: 1, positive: true },
        { x: 3, y: 2, positive: false },
      ],
      3,
      4,
      disk(1),
    );
    expect([...out.subarray(0, 12)]).toEqual([0, 1, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0]);
    expect([...out.subarray(12)]).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1]);
  });

  it('draws tanh of twice the distance in radii, 1 where there is no click', () => {
    const out = draw([{ x: 0, y: 0, positive: true }], 1, 3, { form: 'tanh', radius: 2 });
    expect([...out]).toEqual([0, Math.fround(Math.tanh(1)), Math.fround(Math.tanh(2)), 1, 1, 1]);
  });

  it('leaves out padding, not clicks beyond one border', () => {
    const click = (x: number, y: number): Click => ({ x, y, positive: true });
    expect(draw([click(-1, -1)], 4, 4, disk(5)).some(v => v !== 0)).toBe(false);
    expect(draw([click(-1, 2)], 4, 4, disk(1))[2 * 4]).toBe(1);
  });

  it('refuses a radius that is not positive and an array of the wrong size', () => {
    expect(() => draw([], 2, 2, disk(0))).toThrow(UserError);
    expect(() => drawClickMaps([], 2, 2, disk(1), new Float32Array(7))).toThrow(/2x2x2/);
  });

  it('equals the definition, whatever the fraction', () => {
    const coordinate = fc.double({ min: -4, max: 20, noNaN: true });
    const clicks = fc.array(fc.record({ x: coordinate, y: coordinate, positive: fc.boolean() }), { maxLength: 4 });
    fc.assert(
      fc.property(clicks, fc.integer({ min: 1, max: 6 }), (points, radius) => {
        const out = draw(points, 15, 17, disk(radius));
        const expected = new Float32Array(out.length);
        for (const { x, y, positive } of points.filter(p => Math.max(p.x, p.y) >= 0)) {
          for (let i = 0; i < 255; i++) {
            const dy = Math.fround(Math.floor(i / 17) - y);
            const dx = Math.fround((i % 17) - x);
            const d2 = Math.fround(Math.fround(dy * dy) + Math.fround(dx * dx));
            if (d2 <= radius * radius) expected[(positive ? 0 : 255) + i] = 1;
          }
        }
        expect(out).toEqual(expected);
      }),
    );
  });
});
