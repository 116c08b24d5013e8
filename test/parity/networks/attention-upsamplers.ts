import { slice } from '../../../src/graph/ops/layout.ts';
import type { Tensor } from '../../../src/graph/tensor.ts';
import { unitLength } from '../../../src/nn/norms.ts';
import { anyUp, anyUpEncoding, unify } from '../../../src/upsamplers/anyup.ts';
import { jafar } from '../../../src/upsamplers/jafar.ts';
import { learnedJbu } from '../../../src/upsamplers/learned-jbu.ts';
import { cellWaves, loftUp, pixelWaves, scaledColours } from '../../../src/upsamplers/loftup.ts';
import { naf, nafQueries } from '../../../src/upsamplers/naf.ts';
import type { Check } from '../case.ts';
import { type Builder, checkNetwork } from './check.ts';
import type { Golden } from './golden.ts';
import { excerpts, withCheckpoint } from './real-weights.ts';

type Size = [number, number];
type Numbers = Record<string, number>;

/** Checks a method with chunks kept for the gradient and, within little memory, with chunks made again. */
const twice =
  (build: (memory: number) => Builder) =>
  async (original: Golden, checkpoint?: string): Promise<Check[]> => {
    const golden = withCheckpoint(original, checkpoint);
    const tight = Math.max(3e5, 4000 * golden.tensors.get('input.features')!.shape[1]);
    return [...(await checkNetwork(golden, build(2e9))), ...(await checkNetwork(golden, build(tight)))];
  };

export const checkJafar = twice(memory => ({ config, input, weights }) => {
  const { qk_dim: width, num_heads: heads, kernel_size: kernel } = config as Numbers;
  const image = input('image', 'image');
  return excerpts(jafar(input('features'), image, config.out as Size, weights, { width, heads, kernel, memory }));
});

export const checkAnyUp = twice(memory => ({ config, input, weights }) => {
  const { qk_dim: width = 128, num_heads: heads, window_ratio: reach } = config as Numbers;
  const features = input('features');
  const image = input('image', 'image');
  const y = anyUp(features, image, config.out as Size, weights, { width, heads, reach, memory });
  return {
    ...excerpts(y),
    image_encoded_first8: slice(anyUpEncoding(image, weights, width), 1, 0, 8),
    lfu: unify(unitLength(features, 1), weights.at('key_features_encoder.0'), width),
  };
});

export const checkNaf = twice(memory => ({ config, input, weights }) => {
  const { dim: width, heads_attn: heads, heads_rope: rotaryHeads, kernel_size: kernel } = config as Numbers;
  const image = input('image', 'image');
  const size = config.out as Size;
  return {
    y: naf(input('features'), image, size, weights, { width, heads, rotaryHeads, kernel, memory }),
    queries_first16: slice(nafQueries(image, size, weights, width, rotaryHeads), 1, 0, 16),
  };
});

/**
 * Against the original, and against it in float64 with float32 phases: these go up to 22026, where float32 holds three
 * decimals.
 */
export async function checkLoftUp(golden: Golden): Promise<Check[]> {
  const exact = new Map(
    ['output.y', 'grad.input.features'].map(name => [name, golden.tensors.get(`control64.${name}`)!]),
  );
  const build = (memory: number): Builder => {
    return ({ config, input, weights }) => {
      const positions = config.lr_pe_type as 'sine' | 'learnable';
      const [features, image] = [input('features'), input('image', 'image')];
      const size = image.shape.slice(2) as unknown as Size;
      const own = weights.at('upsampler');
      const colours = scaledColours(image, true);
      const corner = (x: Tensor) => slice(slice(slice(x, 0, 0, 1), 2, 0, 12), 3, 0, 12);
      return {
        y: loftUp(features, image, size, weights, { positions, batchRange: true, memory }),
        minmax_image: colours,
        fourier: corner(pixelWaves(colours, own)),
        ...(positions === 'sine' && { lr_pe: cellWaves(features.shape, own) }),
      };
    };
  };
  const control = { ...golden, tensors: new Map([...golden.tensors, ...exact]) };
  return [...(await twice(build)(golden)), ...(await checkNetwork(control, build(2e9)))];
}

export const learnedJbuCase: Builder = ({ config, input, weights }) => {
  const { key_dim: keys, radius } = config as Numbers;
  return { y: learnedJbu(input('features'), input('image'), config.out as Size, weights, { keys, radius }) };
};
