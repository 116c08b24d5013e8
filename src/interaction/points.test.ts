import { expect, it } from 'vitest';
import { pointTensor } from './points.ts';

const click = (y: number, x: number, positive: boolean) => ({ y, x, positive });

it('puts positive clicks before negative ones and keeps their order as a number', () => {
  const { shape, data } = pointTensor([[click(1, 2, false), click(3, 4, true), click(5, 6, false)]]);
  expect(shape).toEqual([1, 4, 3]);
  expect([...data]).toEqual([3, 4, 1, -1, -1, -1, 1, 2, 0, 5, 6, 2]);
});

it('has as many rows for every picture of a batch, at least one per sign', () => {
  expect(pointTensor([[]]).data).toEqual(new Float64Array(6).fill(-1));
  const { shape, data } = pointTensor([[click(0, 1, true)], [click(0, 8, true), click(0, 7, true)]]);
  expect(shape).toEqual([2, 4, 3]);
  expect([...data.subarray(0, 6)]).toEqual([0, 1, 0, -1, -1, -1]);
  expect([...data.subarray(12, 18)]).toEqual([0, 8, 0, 0, 7, 1]);
});

it('leaves out what comes after the limit', () => {
  const clicks = [click(1, 1, true), click(2, 2, false), click(3, 3, true)];
  expect([...pointTensor([clicks], 1).data]).toEqual([1, 1, 0, -1, -1, -1]);
  expect([...pointTensor([clicks], 2).data]).toEqual([1, 1, 0, -1, -1, -1, 2, 2, 1, -1, -1, -1]);
});
