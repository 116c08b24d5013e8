/** Every constant of the training metric. */
export interface AdaptiveIouConfig {
  initialThreshold: number;
  /** How far from the current threshold the two others are tried. */
  step: number;
  thresholdDecay: number;
  iouDecay: number;
}

// released code of the paper, which follows RITM
const PAPER_ADAPTIVE_IOU: AdaptiveIouConfig = {
  initialThreshold: 0.4,
  step: 0.025,
  thresholdDecay: 0.99,
  iouDecay: 0.9,
};

/** What the metric remembers; plain numbers, to be kept in a checkpoint. */
export interface AdaptiveIouState {
  threshold: number;
  /** Moving average of the batch IoU, from 0. */
  movingIou: number;
  epochSum: number;
  epochBatches: number;
}

/**
 * The IoU shown while training: at the best of three thresholds around one that follows it slowly.
 * Batches without any object pixel are skipped; images where object and prediction are both empty do not count.
 */
export class AdaptiveIou {
  readonly config: AdaptiveIouConfig;
  state: AdaptiveIouState;

  /** @param state of an interrupted run, to go on with */
  constructor(config: AdaptiveIouConfig = PAPER_ADAPTIVE_IOU, state?: AdaptiveIouState) {
    this.config = config;
    this.state = state ?? { threshold: config.initialThreshold, movingIou: 0, epochSum: 0, epochBatches: 0 };
  }

  /**
   * @param logits [batch, 1, height, width]
   * @param targets of the same shape: 1 object, 0 background, -1 ignored
   */
  update(logits: Float32Array, targets: Float32Array, batch: number): void {
    if (!targets.some(label => label > 0)) return;
    const { threshold } = this.state;
    const { step, thresholdDecay, iouDecay } = this.config;
    const candidates = [threshold, threshold - step, threshold + step];
    const ious = meanIous(logits, targets, batch, candidates);
    let best = 0;
    for (const i of [1, 2]) if (ious[i] > ious[best]) best = i;
    this.state = {
      threshold: thresholdDecay * threshold + (1 - thresholdDecay) * candidates[best],
      movingIou: iouDecay * this.state.movingIou + (1 - iouDecay) * ious[best],
      epochSum: this.state.epochSum + ious[best],
      epochBatches: this.state.epochBatches + 1,
    };
  }

  /** Mean over the epoch's batches, 0..1; 0 before the first. */
  epochIou(): number {
    return this.state.epochBatches > 0 ? this.state.epochSum / this.state.epochBatches : 0;
  }

  startEpoch(): void {
    this.state = { ...this.state, epochSum: 0, epochBatches: 0 };
  }
}

/** The mean IoU over the images at each threshold, in float32 as the paper's code computes it. */
function meanIous(logits: Float32Array, targets: Float32Array, batch: number, thresholds: number[]): number[] {
  const pixels = logits.length / batch;
  const limits = Float32Array.from(thresholds);
  const sums = new Float32Array(limits.length);
  const counts = new Uint32Array(limits.length);
  for (let image = 0; image < batch; image++) {
    const unions = new Uint32Array(limits.length);
    const intersections = new Uint32Array(limits.length);
    for (let i = image * pixels; i < (image + 1) * pixels; i++) {
      const object = targets[i] > 0;
      const probability = targets[i] === -1 ? 0 : Math.fround(1 / (1 + Math.exp(-logits[i])));
      for (let k = 0; k < limits.length; k++) {
        const predicted = targets[i] !== -1 && probability > limits[k];
        if (predicted || object) unions[k]++;
        if (predicted && object) intersections[k]++;
      }
    }
    for (let k = 0; k < limits.length; k++) {
      if (unions[k] === 0) continue;
      sums[k] += Math.fround(Math.fround(intersections[k] / pixels) / Math.fround(unions[k] / pixels));
      counts[k]++;
    }
  }
  return Array.from(sums, (sum, k) => Math.fround(sum / counts[k]));
}
