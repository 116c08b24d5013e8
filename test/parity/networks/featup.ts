import { reshape } from '../../../src/graph/ops/basic.ts';
import { transpose } from '../../../src/graph/ops/layout.ts';
import { type FeatUpOptions, featUp, jbuStage, stageKernels } from '../../../src/upsamplers/featup.ts';
import type { Check } from '../case.ts';
import { type Builder, checkNetwork } from './check.ts';
import { type Golden, renamed } from './golden.ts';
import { excerpts, withCheckpoint } from './real-weights.ts';

/** One stage, with the two parts of its kernels. */
export const featUpStageCase: Builder = ({ input, weights }) => {
  const guidance = input('guidance');
  const [b, , h, w] = guidance.shape;
  const { range, spatial } = stageKernels(guidance, weights)(0, h);
  const k2 = spatial.shape[0];
  return {
    y: jbuStage(input('source'), guidance, weights),
    range_kernel: reshape(transpose(range, [0, 2, 1]), [b, k2, h, w]),
    spatial_kernel: reshape(spatial, [1, k2, 1, 1]),
  };
};

const stack =
  (options: FeatUpOptions): Builder =>
  ({ input, weights }) =>
    excerpts(featUp(input('features'), input('image'), weights, options));

/** The whole stack, both as one product with the weights of all cells and stage by stage. */
export async function checkFeatUp(original: Golden, checkpoint?: string): Promise<Check[]> {
  const norm = original.tensors.has('weight.norm.norm.weight');
  const golden = renamed(withCheckpoint(original, checkpoint), name =>
    name
      .replace('weight.norm.norm.', 'weight.model.1.norm.')
      .replace(/weight\.(up\d|fixup_proj)\./, 'weight.upsampler.$1.'),
  );
  const options = { norm, mixing: true };
  return [
    ...(await checkNetwork(golden, stack({ ...options, keepBytes: Infinity }))),
    ...(await checkNetwork(golden, stack({ ...options, keepBytes: 0 }))),
  ];
}
