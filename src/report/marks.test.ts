import { expect, it } from 'vitest';
import { drawPoints, labelColor, paintLabels } from './marks.ts';

const black = (width: number, height: number) => ({ width, height, data: new Uint8Array(3 * width * height) });

it('points are disks, larger for earlier clicks; padding is left out', () => {
  const area = (order?: number, y = 10.9) => {
    const { data } = drawPoints(black(21, 21), [{ x: 10.9, y, order }], [0, 9, 0], 1);
    return data.filter(value => value === 9).length;
  };
  expect([undefined, 0, 1, 2, 3, 100].map(order => area(order))).toEqual([5, 197, 113, 49, 13, 13]);
  expect(area(0, -1)).toBe(0);
});

it('labels have the colours of Pascal VOC', () => {
  expect([0, 1, 2, 3, 8, 255].map(labelColor)).toEqual([
    [0, 0, 0],
    [128, 0, 0],
    [0, 128, 0],
    [128, 128, 0],
    [64, 0, 0],
    [224, 224, 192],
  ]);
});

it('label 0 leaves a picture as it is, others mix in', () => {
  const image = { width: 2, height: 1, data: Uint8Array.of(7, 7, 7, 101, 7, 200) };
  const labels = { width: 2, height: 1, data: Int32Array.of(0, 1) };
  expect([...paintLabels(image, labels, 0.5).data]).toEqual([7, 7, 7, 114, 3, 100]);
});
