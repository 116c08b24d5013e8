import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../weights/safetensors.ts';
import { AdaptiveIou } from './adaptive-iou.ts';

const GOLDEN = join(import.meta.dirname, '../../../shared/golden');
const found = existsSync(GOLDEN) ? readdirSync(GOLDEN, { recursive: true, encoding: 'utf8' }) : [];
const goldens = found.filter(path => /adaptive_iou[^/]*\.safetensors$/.test(path)).map(path => join(GOLDEN, path));
if (goldens.length === 0) console.warn(`skipped: no *adaptive_iou*.safetensors under ${GOLDEN}`);

describe.skipIf(goldens.length === 0)('parity with the paper', () => {
  it.each(goldens)('%s', path => {
    const { metadata, tensors } = readSafetensors(path);
    const config = JSON.parse(metadata.config);
    const metric = new AdaptiveIou({
      initialThreshold: config.init_thresh,
      step: config.thresh_step,
      thresholdDecay: config.thresh_beta,
      iouDecay: config.iou_beta,
    });
    const predictions = tensors.get('input.pred')!;
    const [updates, batch] = predictions.shape;
    const expected = tensors.get('output.thresh_ema_epoch_count')!.data as Float64Array;
    const length = predictions.data.length / updates;
    for (let i = 0; i < updates; i++) {
      const part = (name: string) => (tensors.get(name)!.data as Float32Array).subarray(i * length, (i + 1) * length);
      metric.update(part('input.pred'), part('input.gt'), batch);
      const { threshold, movingIou, epochBatches } = metric.state;
      expect(threshold).toBeCloseTo(expected[4 * i], 14);
      expect(movingIou).toBeCloseTo(expected[4 * i + 1], 14);
      expect(metric.epochIou()).toBeCloseTo(expected[4 * i + 2], 14);
      expect(epochBatches).toBe(expected[4 * i + 3]);
    }
  });
});

describe('AdaptiveIou', () => {
  const logit = (probability: number) => Math.log(probability / (1 - probability));
  const logits = Float32Array.from([0.9, 0.385, 0.1, 0.1], logit);
  const targets = Float32Array.of(1, 1, 0, 0);

  it('moves the threshold towards the better of its neighbours', () => {
    const metric = new AdaptiveIou();
    metric.update(logits, targets, 1);
    expect(metric.state.threshold).toBeCloseTo(0.99 * 0.4 + 0.01 * 0.375, 12);
    expect(metric.epochIou()).toBe(1);
  });

  it('starts a new epoch with the threshold it has, and goes on from a saved state', () => {
    const metric = new AdaptiveIou();
    metric.update(logits, targets, 1);
    const saved = JSON.parse(JSON.stringify(metric.state));
    const resumed = new AdaptiveIou(metric.config, saved);
    metric.update(logits, targets, 1);
    resumed.update(logits, targets, 1);
    expect(resumed.state).toEqual(metric.state);
    metric.startEpoch();
    expect([metric.epochIou(), metric.state.threshold]).toEqual([0, resumed.state.threshold]);
  });

  it('ignores ignored pixels and batches without objects', () => {
    const metric = new AdaptiveIou();
    metric.update(logits, new Float32Array(4), 1);
    expect(metric.state.epochBatches).toBe(0);
    metric.update(Float32Array.of(9, 9, 9, -9), Float32Array.of(1, -1, 0, 0), 1);
    expect(metric.epochIou()).toBe(0.5);
  });
});
