import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import type { Target } from '../base/raster.ts';
import type { Dataset, Sample } from '../datasets/types.ts';
import { TRAIN_AUGMENT } from './augment.ts';
import { SampleCache } from './sample-cache.ts';
import { PAPER_SAMPLER } from './sampler.ts';
import { imageWeights, PAPER_SAMPLE, type SampleOptions, trainingSample } from './samples.ts';

function scene(index: number, width: number, height: number, count: number): Sample {
  const random = Random.of(index, 'scene');
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 31 + index) & 255);
  const objects = Array.from({ length: count }, (): Target => {
    const [cx, cy] = [random.uniform(0, width), random.uniform(0, height)];
    const [rx, ry] = [random.uniform(width / 10, width / 3), random.uniform(height / 10, height / 3)];
    const inside = (i: number) => ((i % width) - cx) ** 2 / rx ** 2 + (Math.floor(i / width) - cy) ** 2 / ry ** 2 < 1;
    return { width, height, data: Int8Array.from({ length: width * height }, (_, i) => +inside(i)) };
  });
  return { id: `scene ${index}`, image: { width, height, data }, objects };
}

function listOf(samples: Sample[]): Dataset {
  return {
    name: 'scenes',
    size: samples.length,
    ids: samples.map(({ id }) => id),
    load: async index => samples[index],
  };
}

const options = (step: number, slot = 0): SampleOptions => ({
  ...PAPER_SAMPLE,
  seed: 3,
  step,
  slot,
  augment: TRAIN_AUGMENT,
  sampler: PAPER_SAMPLER,
});

const scenes = listOf(Array.from({ length: 6 }, (_, i) => scene(i, 300, 260, 3)));

describe('trainingSample', () => {
  it('has the promised shapes and ranges, and its clicks fit its target', async () => {
    for (let step = 0; step < 20; step++) {
      const { id, image, target, points, width, height } = await trainingSample(scenes, options(step));
      expect(scenes.ids).toContain(id);
      expect([width, height, image.length, target.length]).toEqual([224, 224, 3 * 224 * 224, 224 * 224]);
      expect(image.every(value => value >= 0 && value <= 1)).toBe(true);
      expect(target.every(value => value === 0 || value === 1)).toBe(true);
      for (const { row, col, positive } of points) expect(target[row * 224 + col]).toBe(+positive);
      expect(points.filter(point => point.positive).length).toBeLessThanOrEqual(24);
    }
  });

  it('depends on seed, stream, step and slot alone', async () => {
    const cache = new SampleCache(scenes);
    const again = await trainingSample(scenes, { ...options(7), cache });
    expect(await trainingSample(scenes, options(7))).toEqual(again);
    const [image] = [again.image];
    for (const other of [
      options(8),
      options(7, 1),
      { ...options(7), seed: 4 },
      { ...options(7), stream: 'validation' as const },
    ]) {
      expect((await trainingSample(scenes, { ...other, cache })).image).not.toEqual(image);
    }
  });

  it('leaves image and masks alone without augmentation', async () => {
    const single = listOf([scene(0, 50, 40, 1)]);
    const { image, target, width, height } = await trainingSample(single, { ...options(0), augment: null });
    const { image: original, objects } = await single.load(0);
    expect([width, height]).toEqual([50, 40]);
    expect(Array.from(target)).toEqual(Array.from(objects[0].data));
    expect(image[40 * 50 + 17]).toBe(Math.fround(original.data[17 * 3 + 1] / 255));
  });

  it('keeps ignored pixels of the chosen object', async () => {
    const given = scene(1, 300, 260, 1);
    given.objects[0].data.fill(-1, 0, 300 * 130);
    const targets = await Promise.all(
      [0, 1, 2, 3, 4].map(async step => (await trainingSample(listOf([given]), options(step))).target),
    );
    expect(targets.some(target => target.includes(-1))).toBe(true);
  });

  it('does not choose an object below the smallest area', async () => {
    const dots = scene(2, 224, 224, 1);
    dots.objects[0].data.fill(0).fill(1, 100 * 224 + 100, 100 * 224 + 130);
    const config = { ...options(0), augment: null };
    const empty = await trainingSample(listOf([dots]), config);
    expect(empty.target.every(value => value === 0)).toBe(true);
    expect(empty.points.every(point => !point.positive)).toBe(true);
    const chosen = await trainingSample(listOf([dots]), { ...config, minArea: 30 });
    expect(chosen.target.filter(value => value === 1)).toHaveLength(30);
  });

  it('augments again when the crop lost every object, and takes an image without any as background', async () => {
    const corner = scene(3, 500, 500, 1);
    const { data } = corner.objects[0];
    data.fill(0);
    for (let y = 0; y < 60; y++) data.fill(1, y * 500, y * 500 + 60);
    const withObject = await Promise.all(
      Array.from({ length: 12 }, async (_, step) =>
        (await trainingSample(listOf([corner]), { ...options(step), keepBackground: 0, minArea: 1 })).target.includes(
          1,
        ),
      ),
    );
    expect(withObject).toEqual(new Array(12).fill(true));
    const without = await trainingSample(listOf([scene(4, 300, 300, 0)]), { ...options(0), keepBackground: 0 });
    expect(without.target.every(value => value === 0)).toBe(true);
  });

  it('draws images by their weights', async () => {
    const small = listOf(Array.from({ length: 3 }, (_, i) => scene(i, 20, 20, 1)));
    const cache = new SampleCache(small);
    const counts = [0, 0, 0];
    const weights = imageWeights([1, 0, 3]);
    for (let step = 0; step < 1000; step++) {
      const { id } = await trainingSample(small, { ...options(step), augment: null, weights, cache });
      counts[small.ids.indexOf(id)]++;
    }
    const p = 1 / (1 + 3 ** 1.25);
    expect(counts[1]).toBe(0);
    expect(Math.abs(counts[0] / 1000 - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / 1000));
  });

  it('says what is wrong with its input', async () => {
    await expect(trainingSample(listOf([]), options(0))).rejects.toThrow('dataset scenes has no images');
    const weighted = (weights: number[]) => trainingSample(scenes, { ...options(0), weights });
    await expect(weighted([1])).rejects.toThrow('1 image weights were given for the 6 images');
    await expect(weighted([1, 1, Number.NaN, 1, 1, 1])).rejects.toThrow('the weight of image scene 2 is NaN');
    await expect(weighted([0, 0, 0, 0, 0, 0])).rejects.toThrow('all image weights of dataset scenes are 0');
  });

  it('is quick: a 640x480 photo with 10 objects', async () => {
    const photo = listOf([scene(9, 640, 480, 10)]);
    const cache = new SampleCache(photo);
    await trainingSample(photo, { ...options(0), cache });
    // processor time, so that a busy machine does not fail the test
    const start = process.cpuUsage();
    for (let step = 1; step <= 60; step++) await trainingSample(photo, { ...options(step), cache });
    const { user, system } = process.cpuUsage(start);
    const each = (user + system) / 1000 / 60;
    console.info(`a training sample takes ${each.toFixed(1)} ms of processor time`);
    expect(each).toBeLessThan(40);
  });
});

describe('parts', () => {
  const whole = scene(1, 120, 100, 3);
  const parts = [0.2, 0.7, 1].map((granularity, i) => ({ granularity, weight: [1, 3, 0][i] }));
  const single = { ...options(0), augment: null };

  it('are drawn one by one by their weights, each with its granularity', async () => {
    const set = listOf([{ ...whole, parts }]);
    const cache = new SampleCache(set);
    const counts = new Map<number, number>();
    for (let step = 0; step < 200; step++) {
      const { target, granularity } = await trainingSample(set, { ...single, step, cache });
      const part = parts.findIndex(each => each.granularity === granularity);
      expect([...target]).toEqual([...whole.objects[part].data]);
      counts.set(part, (counts.get(part) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([0, 1]);
    expect(counts.get(1)! / 200).toBeGreaterThan(0.65);
    expect(counts.get(1)! / 200).toBeLessThan(0.85);
  });

  it('are neither there nor drawn for sets without', async () => {
    const plain = await trainingSample(listOf([whole]), single);
    expect('granularity' in plain).toBe(false);
    const empty = await trainingSample(listOf([{ ...whole, objects: [], parts: [] }]), single);
    expect('granularity' in empty).toBe(false);
    expect(empty.target.every(value => value === 0)).toBe(true);
  });
});
