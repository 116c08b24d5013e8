import { describe, expect, it } from 'vitest';
import { AdaptiveIou } from './adaptive-iou.ts';

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
