import type { Random } from '../base/random.ts';
import type { RgbImage } from '../base/raster.ts';
import { expand, reshape, sum } from '../graph/ops/basic.ts';
import { add, div, exp, log, maximum, mul, sub } from '../graph/ops/elementwise.ts';
import { concat, slice, transpose } from '../graph/ops/layout.ts';
import { matmul, resample } from '../graph/ops/linear.ts';
import { softmax } from '../graph/ops/reduce.ts';
import type { Matrix, Tensor } from '../graph/tensor.ts';
import type { Initialiser } from '../nn/initialisers.ts';
import { channelNorm, conv } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';
import { type FeatUpOptions, featUp } from '../upsamplers/featup.ts';
import { drawJitter, jitterAxes, jitterMatrix } from '../upsamplers/jitter.ts';
import { jittered } from './jitter.ts';
import { average } from './losses.ts';
import type { Given, Method } from './method.ts';
import { viewed } from './view.ts';

const JITTERS = 5;
/** Channels of the random projection in which features are compared. */
const PROJECTED = 30;

/**
 * FeatUp-JBU (Fu et al. 2024, section 3; its released code): what is upsampled, jittered and made small again by a learned
 * downsampler must be the features of the jittered image. How sure they are is predicted, and weighs the error.
 *
 * All features are compared in a random projection to 30 channels. Filters have one kernel for all channels, so projected
 * features are upsampled in place of all, and the downsampler's attention, linear too, as one channel more.
 */
const featUpTraining = (upsampler: string, options: FeatUpOptions): Method => ({
  upsampler,
  stage: 1,
  objective: 'the features of jittered images; squared error weighed by predicted uncertainty',
  optimiser: { rate: 1e-3, nesterov: 0.004, clip: { steps: 10, length: 1e-4 } },
  defaults: { size: 224, batch: 2 },
  fixed: /^model\.1\.norm\./,
  cut: size => size,
  draw({ image }, random, { size, backbone: { channels } }) {
    const images: Record<string, RgbImage> = { seen: image };
    const arrays: Record<string, Float32Array> = { projection: drawProjection(channels, random) };
    for (let i = 0; i < JITTERS; i++) {
      const axes = jitterAxes(drawJitter([size, size], random), [size, size]);
      images[`jitter${i}`] = jittered(image, axes);
      [arrays[`down${i}`], arrays[`across${i}`]] = axes.map(axis => jitterMatrix(axis).data);
    }
    return { images, arrays };
  },
  loss(given) {
    const { size, helper, backbone } = given;
    const prepared = (map: Tensor) => (options.norm ? channelNorm(map, given.own.at('model.1.norm'), 1e-5) : map);
    const projection = given.array('projection', [PROJECTED, backbone.channels]);
    const low = prepared(given.features('seen', size));
    const fine = blurred(upsampledProjection(low, projection, given, options));

    const losses = Array.from({ length: JITTERS }, (_, i) => {
      const view = viewed(fine, given.array(`down${i}`, [size, size]), given.array(`across${i}`, [size, size]));
      const small = attentionDownsampled(view, helper.at('downsampler'), backbone.stride);
      const target = prepared(given.features(`jitter${i}`, size));
      const deviation = predictedDeviation(target, helper.at('scale'));
      const difference = sub(small, projected(target, projection));
      const weighed = div(mul(difference, difference), mul(mul(deviation, deviation), 2));
      return average(add(weighed, log(deviation)));
    });
    const reconstruction = mul(
      losses.reduce((total, loss) => add(total, loss)),
      1 / JITTERS,
    );
    return { total: reconstruction, parts: { reconstruction } };
  },
});

/** [channels,C]: random directions of length 1. */
function drawProjection(channels: number, random: Random): Float32Array {
  const out = new Float32Array(PROJECTED * channels);
  for (let i = 0; i < PROJECTED; i++) {
    const row = out.subarray(i * channels, (i + 1) * channels);
    for (let c = 0; c < channels; c++) row[c] = random.normal();
    const length = Math.hypot(...row);
    for (let c = 0; c < channels; c++) row[c] /= length;
  }
  return out;
}

/** [B,30+1,size,size]: the upsampled features projected, and their logits of the downsampler's attention. */
function upsampledProjection(low: Tensor, projection: Tensor, given: Given, options: FeatUpOptions): Tensor {
  const { size, batch, own, helper } = given;
  const [b, c] = low.shape;
  const attention = helper.at('downsampler.attention').get('weight', [1, c], smallUniform(1 / Math.sqrt(c)));
  const all = concat([projection, reshape(expand(attention, [batch, c]), [b, 1, c])], 1);
  const layer = own.at('upsampler.fixup_proj.1');
  const mixed = options.mixing ? add(low, mul(conv(low, layer, { out: c, kernel: 1, bias: false }), 0.1)) : low;
  const image = given.image('seen', size);
  const fine = featUp(projected(mixed, all), image, own, {
    norm: false,
    mixing: false,
    size: [size, size],
    stages: stagesTo(low, size),
  });
  if (!options.mixing) return fine;
  const bias = matmul(all, reshape(layer.get('bias', [c]), [c, 1]));
  return add(fine, mul(reshape(bias, [b, PROJECTED + 1, 1, 1]), 0.1));
}

const stagesTo = (low: Tensor, size: number): number => Math.min(4, Math.ceil(Math.log2(size / low.shape[2])));

/** [B,C,H,W] by [B,n,C] -> [B,n,H,W]. */
function projected(map: Tensor, projection: Tensor): Tensor {
  const [b, c, h, w] = map.shape;
  return reshape(matmul(projection, reshape(map, [b, c, h * w])), [b, projection.shape[1], h, w]);
}

/**
 * FeatUp's learned downsampler: every cell is a mean of its pixels, weighed by attention.
 *
 * @param view [B,30+1,h*k,w*k], logits last.
 * @returns [B,30,h,w].
 */
function attentionDownsampled(view: Tensor, scope: Scope, k: number): Tensor {
  const [b, n, height, width] = view.shape;
  const [h, w] = [height / k, width / k];
  const patches = reshape(transpose(reshape(view, [b, n, h, k, w, k]), [0, 2, 4, 1, 3, 5]), [b, h * w, n, k * k]);
  const logits = add(slice(patches, 2, n - 1, 1), scope.at('attention').get('bias', [1]));
  const scale = scope.get('w', [k * k], around(1));
  const weights = softmax(add(mul(logits, scale), scope.get('b', [k * k], around(0))));
  const means = sum(mul(slice(patches, 2, 0, n - 1), weights), [3]);
  return transpose(reshape(means, [b, h, w, n - 1]), [0, 3, 1, 2]);
}

/** [B,1,h,w]: how far the features of a picture may be off. */
function predictedDeviation(map: Tensor, scope: Scope): Tensor {
  const c = map.shape[1];
  const weight = scope.get('weight', [1, c], smallUniform(0.1 / Math.sqrt(c)));
  const [b, , h, w] = map.shape;
  const said = reshape(matmul(weight, reshape(map, [b, c, h * w])), [b, 1, h, w]);
  return maximum(exp(add(add(said, scope.get('bias', [1])), 0.1)), 1e-4);
}

/** A Gaussian of deviation 1 over 5x5 pixels, borders mirrored. */
function blurred(map: Tensor): Tensor {
  const [height, width] = map.shape.slice(2);
  return resample(map, gaussian(height), gaussian(width));
}

function gaussian(size: number): Matrix {
  const data = new Float32Array(size * size);
  const weights = [-2, -1, 0, 1, 2].map(d => Math.exp((-d * d) / 2));
  const total = weights.reduce((all, weight) => all + weight);
  for (let i = 0; i < size; i++) {
    weights.forEach((weight, k) => {
      const at = Math.abs(i + k - 2);
      data[i * size + (at < size ? at : 2 * (size - 1) - at)] += weight / total;
    });
  }
  return { rows: size, cols: size, data };
}

const smallUniform =
  (bound: number): Initialiser =>
  (shape, random) =>
    Float32Array.from({ length: shape.reduce((n, size) => n * size, 1) }, () => random.uniform(-bound, bound));

const around =
  (value: number): Initialiser =>
  (shape, random) =>
    Float32Array.from({ length: shape.reduce((n, size) => n * size, 1) }, () => value + 0.01 * random.normal());

export const featUpTrainings: readonly Method[] = [
  featUpTraining('featup', { norm: true, mixing: true }),
  featUpTraining('featup-no-norm', { norm: false, mixing: true }),
  featUpTraining('featup-kernels', { norm: false, mixing: false }),
];
