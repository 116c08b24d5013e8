import { gradient } from '../../../src/graph/gradient.ts';
import { reshape, sum } from '../../../src/graph/ops/basic.ts';
import { div } from '../../../src/graph/ops/elementwise.ts';
import { Adam } from '../../../src/training/adam.ts';
import { normalisedFocalLoss } from '../../../src/training/loss.ts';
import { maxAbsolute, maxDifference } from '../../support/differences.ts';
import { allNear, type Check } from '../case.ts';
import { checkAdaptiveIou } from '../training-metric.ts';
import { type Builder, checkNetwork, toleranceOf } from './check.ts';
import { type Golden, renamed } from './golden.ts';

const lossCase: Builder = ({ config, input }) => {
  const logits = input('pred');
  const loss = normalisedFocalLoss(logits, input('label'), {
    alpha: config.alpha as number,
    detachFactor: config.detach_delimeter as boolean,
  });
  const mean = reshape(div(sum(loss, [0]), loss.shape[0]), []);
  return { loss, mean_loss: mean, mean_loss_gradient: gradient(mean, [logits])[0] };
};

export async function checkLoss(golden: Golden): Promise<Check[]> {
  const known = renamed(golden, name => {
    if (name === STATISTICS) return null;
    return name === 'grad.mean_loss.input.pred' ? 'output.mean_loss_gradient' : name;
  });
  // the mean weighs the images by 1/B, the projection that the noise was measured with by about 1
  const noise = golden.noise['grad.input.pred'] / golden.tensors.get('input.pred')!.shape[0];
  const checks = await checkNetwork(
    { ...known, noise: { ...known.noise, 'output.mean_loss_gradient': noise } },
    lossCase,
  );
  const logged = golden.tensors.get(STATISTICS);
  if (!logged) return checks;
  return [...checks, allNear(STATISTICS, statistics(golden), logged.data, 1e-5 * maxAbsolute(logged.data))];
}

const STATISTICS = 'output.k_sum_m_max';

/** What the reference logs after a first batch: the normalising factors, and the largest weights of a pixel. */
function statistics({ tensors }: Golden): number[] {
  const { data, shape } = tensors.get('input.pred')!;
  const labels = tensors.get('input.label')!.data;
  const pixels = data.length / shape[0];
  const images = Array.from({ length: shape[0] }, (_, b) => {
    const own = labels.subarray(b * pixels, (b + 1) * pixels);
    const betas = own.map((label, i) => (label === -1 ? 0 : (label - 1 / (1 + Math.exp(-data[b * pixels + i]))) ** 2));
    const valid = own.filter(label => label !== -1).length;
    const factor = valid / (betas.reduce((sum, beta) => sum + beta, 0) + 1e-12);
    return { whole: valid === pixels, factor, most: factor * maxAbsolute(betas) };
  });
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const whole = images.filter(image => image.whole).map(({ factor }) => factor);
  return whole.length === 0 ? [0, 0] : [0.1 * mean(whole), 0.2 * mean(images.map(({ most }) => most))];
}

/** Every parameter and moment after every step of every run; both sides keep them in float32. */
export async function checkAdam(golden: Golden): Promise<Check[]> {
  const { betas, eps } = golden.config as { betas: [number, number]; eps: number };
  const checks: Check[] = [];
  for (const [key, rates] of golden.doubles) {
    const run = /^output\.(.+)\.lr$/.exec(key)?.[1];
    if (run === undefined) continue;
    const data = (name: string) => golden.tensors.get(name)!.data;
    const names = [...golden.tensors.keys()].flatMap(name => {
      const start = name.startsWith(`input.${run}.`) && /^([a-z]+)0$/.exec(name.slice(`input.${run}.`.length));
      return start ? [start[1]] : [];
    });
    const adam = new Adam({ beta1: betas[0], beta2: betas[1], epsilon: eps });
    const parameters = new Map(names.map(name => [name, data(`input.${run}.${name}0`).slice()]));
    for (const [step, rate] of rates.entries()) {
      const gradients = new Map(names.map(name => [name, data(`input.${run}.grad${step}.${name}`)]));
      adam.step(parameters, gradients, rate);
      const moments = adam.state();
      const after = step + 1;
      for (const name of names) {
        const found = {
          [`output.${run}.${name}${after}`]: parameters.get(name)!,
          [`output.${run}.exp_avg${after}.${name}`]: moments.get(`first.${name}`)!,
          [`output.${run}.exp_avg_sq${after}.${name}`]: moments.get(`second.${name}`)!,
        };
        for (const [tensor, values] of Object.entries(found)) {
          const tolerance = toleranceOf(golden, tensor, {}, 5e-7);
          checks.push({ what: tensor, error: maxDifference(values, data(tensor)), tolerance });
        }
      }
    }
  }
  return checks;
}

/** The training metric after each of the batches that `input.pred` and `input.gt` hold, [updates, B, 1, H, W]. */
export function checkAdaptiveIouCase(golden: Golden): Check[] {
  const { init_thresh, thresh_step, thresh_beta, iou_beta } = golden.config as Record<string, number>;
  const [predictions, targets] = ['pred', 'gt'].map(name => golden.tensors.get(`input.${name}`)!);
  const expected = golden.doubles.get('output.thresh_ema_epoch_count')!;
  const [count, batch] = predictions.shape;
  const length = predictions.data.length / count;
  const part = (data: Float32Array, i: number) => data.subarray(i * length, (i + 1) * length);
  const updates = Array.from({ length: count }, (_, i) => {
    const [thresh, ema, epoch_value, epochs] = expected.subarray(4 * i, 4 * i + 4);
    return {
      logits: part(predictions.data, i),
      targets: part(targets.data, i),
      batch,
      thresh,
      ema,
      epoch_value,
      count: epochs,
    };
  });
  return checkAdaptiveIou(updates, {
    initialThreshold: init_thresh,
    step: thresh_step,
    thresholdDecay: thresh_beta,
    iouDecay: iou_beta,
  });
}
