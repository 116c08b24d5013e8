import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { maxDifference } from '../../test/support/close.ts';
import { evaluate, projected } from '../../test/support/run.ts';
import { gradient } from '../graph/gradient.ts';
import { input, type Tensor } from '../graph/tensor.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { guidedFilter } from './guided-filter.ts';
import { jointBilateral } from './joint-bilateral.ts';

const folder = join(import.meta.dirname, '../../../shared/golden/networks');
const found = existsSync(folder);
if (!found) console.warn(`skipped: parity of joint bilateral and guided filter, ${folder} is absent`);

interface Config {
  out: [number, number];
  kernel_size: number;
  sigma_color: number;
  sigma_spatial: number;
  radius: number;
  eps: number;
  scale: number;
}
type Build = (config: Config, inputs: Record<string, Tensor>) => Tensor;

const methods: Record<string, Build> = {
  c6_jbf: (config, { features, guidance }) =>
    jointBilateral(features, guidance, config.out, {
      kernelSize: config.kernel_size,
      sigmaColor: config.sigma_color,
      sigmaSpatial: config.sigma_spatial,
      factor: 4,
    }),
  c6_guided_filter: (config, { I, p }) => guidedFilter(I, p, config),
};

for (const [prefix, build] of Object.entries(methods)) {
  const files = found ? readdirSync(folder).filter(file => file.startsWith(prefix)) : [];

  it.skipIf(!found)(`golden cases of ${prefix} exist`, () => expect(files.length).toBeGreaterThan(0));

  it.each(files)('%s: output and gradients', async file => {
    const { metadata, tensors } = readSafetensors(join(folder, file));
    const data = (name: string) => tensors.get(name)!.data as Float32Array;
    const named = (start: string) => [...tensors.keys()].filter(name => name.startsWith(start));
    const inputs = Object.fromEntries(
      named('input.').map(name => [name.slice(6), input(name, tensors.get(name)!.shape, 'clicks')]),
    );
    const y = build(JSON.parse(metadata.config), inputs);
    const slopes = gradient(projected(y, data('grad.R')), Object.values(inputs));
    const expected = [...named('output.'), ...Object.keys(inputs).map(name => `grad.input.${name}`)];
    const outputs = Object.fromEntries([y, ...slopes].map((tensor, i) => [expected[i], tensor]));
    const results = await evaluate(outputs, Object.fromEntries(named('input.').map(name => [name, data(name)])));

    const noise = JSON.parse(metadata.fp32_vs_fp64_max_abs);
    for (const name of expected) {
      expect(outputs[name].shape, `shape of ${name}`).toEqual(tensors.get(name)!.shape);
      expect(maxDifference(results[name], data(name)), name).toBeLessThanOrEqual(10 * noise[name]);
    }
  });
}
