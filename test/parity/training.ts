import { gradient } from '../../src/graph/gradient.ts';
import { reshape, sum } from '../../src/graph/ops/basic.ts';
import { div } from '../../src/graph/ops/elementwise.ts';
import { Adam } from '../../src/training/adam.ts';
import { normalisedFocalLoss } from '../../src/training/loss.ts';
import { maxDifference } from '../support/close.ts';
import { type Golden, renamed } from '../support/golden.ts';
import { type Builder, type Check, checkNetwork, toleranceOf } from './check.ts';

const lossCase: Builder = ({ config, input }) => {
  const logits = input('pred');
  const loss = normalisedFocalLoss(logits, input('label'), {
    alpha: config.alpha as number,
    detachFactor: config.detach_delimeter as boolean,
  });
  const mean = reshape(div(sum(loss, [0]), loss.shape[0]), []);
  return { loss, mean_loss: mean, mean_loss_gradient: gradient(mean, [logits])[0] };
};

export function checkLoss(golden: Golden): Promise<Check[]> {
  const known = renamed(golden, name => {
    // a statistic that the reference logs
    if (name === 'output.k_sum_m_max') return null;
    return name === 'grad.mean_loss.input.pred' ? 'output.mean_loss_gradient' : name;
  });
  // the mean weighs the images by 1/B, the projection that the noise was measured with by about 1
  const noise = golden.noise['grad.input.pred'] / golden.tensors.get('input.pred')!.shape[0];
  return checkNetwork({ ...known, noise: { ...known.noise, 'output.mean_loss_gradient': noise } }, lossCase);
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
          checks.push({ tensor, error: maxDifference(values, data(tensor)), tolerance });
        }
      }
    }
  }
  return checks;
}
