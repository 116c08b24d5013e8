import { expect, it } from 'vitest';
import type { Dataset } from '../datasets/types.ts';
import { SampleCache } from './sample-cache.ts';

// 10x10: 300 bytes of image and 100 of codes
const BYTES = 400;

function counted(): { dataset: Dataset; loads: number[] } {
  const loads: number[] = [];
  const size = { width: 10, height: 10 };
  const dataset: Dataset = {
    name: 'counted',
    size: 5,
    ids: ['a', 'b', 'c', 'd', 'e'],
    async load(index) {
      loads.push(index);
      if (index === 4) throw new Error('damaged');
      const objects = [{ ...size, data: new Int8Array(100).fill(1) }];
      return { id: this.ids[index], image: { ...size, data: new Uint8Array(300) }, objects };
    },
  };
  return { dataset, loads };
}

it('keeps what was used last, within its bytes', async () => {
  const { dataset, loads } = counted();
  const cache = new SampleCache(dataset, 2 * BYTES);
  for (const index of [0, 1, 0, 2, 0, 1]) expect((await cache.load(index)).id).toBe(dataset.ids[index]);
  expect(loads).toEqual([0, 1, 2, 1]);
  expect(cache.size).toBe(2 * BYTES);
});

it('decodes once for all who ask at the same time', async () => {
  const { dataset, loads } = counted();
  const cache = new SampleCache(dataset);
  const [first, second] = await Promise.all([cache.load(3), cache.load(3)]);
  expect(first).toBe(second);
  expect(loads).toEqual([3]);
});

it('does not keep a sample that is too large, nor a failed load', async () => {
  const { dataset, loads } = counted();
  const cache = new SampleCache(dataset, BYTES - 1);
  await cache.load(0);
  expect(cache.size).toBe(0);
  await expect(cache.load(4)).rejects.toThrow('damaged');
  await expect(cache.load(4)).rejects.toThrow('damaged');
  expect(loads).toEqual([0, 4, 4]);
});
