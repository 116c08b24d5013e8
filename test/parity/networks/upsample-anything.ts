import { gradient } from '../../../src/graph/gradient.ts';
import { concat } from '../../../src/graph/ops/layout.ts';
import { input, type Tensor } from '../../../src/graph/tensor.ts';
import { type GaussianMaps, splat } from '../../../src/upsamplers/gaussians.ts';
import { fitGaussians, fitRate } from '../../../src/upsamplers/upsample-anything.ts';
import { evaluate, projected } from '../../support/run.ts';
import { allNear, type Check } from '../case.ts';
import { type Builder, toleranceOf } from './check.ts';
import type { Golden } from './golden.ts';

/** The kernel with maps that are given. */
export const splatCase: Builder = ({ config, input, weights }) => {
  const features = input('features');
  const [h, w] = features.shape.slice(2);
  const map = (name: string) => weights.get(`j.${name}_raw`, [1, 1, h, w]);
  const maps = { sx: map('sx'), sy: map('sy'), th: map('th'), sr: map('sr') };
  const { R_max: reach, alpha_dyn: widths } = config as Record<string, number>;
  return { y: splat(features, input('hr_image01'), maps, { reach, widths }) };
};

/**
 * The reference adds what thousands of pixels pass back to a cell at the border one by one: compared with float64 its
 * first gradients are up to 1e-5 of the largest off (ours 2e-7), which its remark does not count.
 */
const GRADIENT_FLOOR = 5e-5;

/** The whole fit. Rounding grows from step to step: tolerances come from an image that is changed by a rounding. */
export async function checkFit(original: Golden): Promise<Check[]> {
  const golden = { ...original, noise: { ...original.noise, ...perturbationNoise(original.notes) } };
  const tensor = (name: string) => golden.tensors.get(name)!;
  const source = (name: string) => input(name, tensor(name).shape, 'image');
  const { steps, R_max: reach, alpha_dyn: widths } = golden.config as Record<string, number>;
  const [features, guidance] = [source('input.features'), source('input.hr_image01')];
  const [h, w] = features.shape.slice(2);
  const fit = fitGaussians(guidance, [h, w], { steps, reach, widths });
  const y = splat(features, guidance, fit.steps[steps - 1].maps, { reach, widths });

  const all: Record<string, Tensor> = {
    'output.lr_image': fit.low,
    'output.pred_step0': fit.steps[0].rebuilt,
    'output.losses': concat(
      fit.steps.map(({ loss }) => loss),
      0,
    ),
    'output.y': y,
    'grad.input.features': gradient(projected(y, tensor('grad.R').data), [features])[0],
    ...named('grad.step0', fit.steps[0].gradients),
  };
  fit.steps.forEach(({ maps }, i) => {
    Object.assign(all, named(`output.params_after_${i + 1}`, maps));
  });
  const names = Object.keys(all).filter(name => golden.tensors.has(name));
  const missing = [...golden.tensors.keys()].filter(
    name => /^(output|grad)\./.test(name) && !(name in all) && name !== 'grad.R',
  );
  if (missing.length > 0) throw new Error(`${golden.name} holds ${missing.join(', ')}, which the fit does not give`);
  const feeds = {
    'input.features': tensor('input.features').data,
    'input.hr_image01': tensor('input.hr_image01').data,
  };
  const found = await evaluate(Object.fromEntries(names.map(name => [name, all[name]])), feeds);
  const rates = golden.doubles.get('output.lrs')!;
  return [
    allNear(
      'output.lrs',
      Array.from({ length: steps }, (_, i) => fitRate(i)),
      rates,
      1e-12,
    ),
    ...names.map(name => allNear(name, found[name], tensor(name).data, toleranceOf(golden, name, {}, floorOf(name)))),
  ];
}

const floorOf = (name: string): number | undefined => (name.startsWith('grad.step0.') ? GRADIENT_FLOOR : undefined);

const named = (prefix: string, maps: GaussianMaps): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(maps).map(([name, map]) => [`${prefix}.${name}_raw`, map]));

/** The JSON at the end of the remark on what a rounding of the image changes. */
function perturbationNoise(notes: string): Record<string, number> {
  const found = /\{.*\}/.exec(notes);
  if (!found) throw new Error(`no numbers in the remark "${notes}"`);
  return JSON.parse(found[0]);
}
