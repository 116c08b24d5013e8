import { afterEach, describe, expect, it } from 'vitest';
import { initialValues, toyBackbone } from '../../test/support/toy-probe.ts';
import type { Backbone } from '../backbones/types.ts';
import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { RgbImage } from '../base/raster.ts';
import { GraphError } from '../graph/tensor.ts';
import { buildFeatures } from '../probe/probe.ts';
import { compile } from '../runtime/node.ts';
import { bilinearInterpolation, none } from '../upsamplers/interpolation.ts';
import { jbu } from '../upsamplers/jbu.ts';
import { largeImage } from '../upsamplers/large-image.ts';
import { liftUpsampler } from '../upsamplers/lift.ts';
import type { Upsampler } from '../upsamplers/types.ts';
import { FeatureMaps } from './feature-maps.ts';
import type { Frozen } from './frozen.ts';

const backbone = toyBackbone(4, 8);
const size = [24, 32] as const;
const threads = 1;

function picture(seed: number, width = 50, height = 40): RgbImage {
  const random = Random.of(seed, 'picture');
  return { width, height, data: Uint8Array.from({ length: 3 * width * height }, () => random.integer(0, 255)) };
}

/** Initial values as if they had been loaded from files. */
function frozenOf(upsampler: Upsampler): Frozen {
  const { frozen } = buildFeatures({ backbone, upsampler }, size);
  const values = initialValues(frozen);
  const part = (prefix: string) =>
    new Map(
      [...frozen]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, { shape }]) => [name.slice(prefix.length), { shape, data: values.get(name)! }]),
    );
  return { backbone: part('frozen.backbone.'), upsampler: part('frozen.upsampler.') };
}

/** The same by one program for the whole network. */
async function atOnce(upsampler: Upsampler, image: Float32Array) {
  const graph = buildFeatures({ backbone, upsampler }, size);
  const outputs = { low: graph.features, high: graph.upsampled };
  const program = await compile({ look: outputs }, { threads, bound: initialValues(graph.frozen) });
  const { low, high } = await program.run('look', { image });
  await program.release();
  return { low, high, shape: graph.upsampled.shape };
}

let maps: FeatureMaps | undefined;
const open = (of: Backbone = backbone) => {
  maps = new FeatureMaps(of, { threads });
  return maps;
};
afterEach(async () => maps?.release());

describe('FeatureMaps', () => {
  it.each([bilinearInterpolation, jbu, liftUpsampler, largeImage(2), none].map(each => [each.name, each] as const))(
    '%s gets the features that the whole network gives it',
    async (_, upsampler) => {
      const features = open();
      const frozen = frozenOf(upsampler);
      for (const seed of [1, 2]) {
        const seen = features.show(picture(seed), size);
        const expected = await atOnce(upsampler, seen);
        const low = await features.lowRes(upsampler, frozen);
        const high = await features.upsampled(upsampler, frozen);
        expect([1, high.channels, high.height, high.width]).toEqual(expected.shape);
        expect(low.data).toEqual(expected.low);
        high.data.forEach((value, i) => {
          if (Math.abs(value - expected.high[i]) > 1e-5) throw new Error(`${value} at ${i}, not ${expected.high[i]}`);
        });
      }
    },
  );

  it('gives maps that later ones leave alone', async () => {
    const features = open();
    const frozen = frozenOf(none);
    features.show(picture(1), size);
    const first = await features.upsampled(none, frozen);
    const finer = await features.upsampled(bilinearInterpolation, frozen);
    const [copy, finerCopy] = [first.data.slice(), finer.data.slice()];
    features.show(picture(2), [32, 24]);
    const second = await features.upsampled(none, frozen);
    await features.upsampled(bilinearInterpolation, frozen);
    expect([second.height, second.width]).toEqual([8, 6]);
    expect(first.data).toEqual(copy);
    expect(finer.data).toEqual(finerCopy);
  });

  it('says in words what cannot be built', async () => {
    const fussy: Upsampler = {
      ...bilinearInterpolation,
      name: 'fussy',
      upsample() {
        throw new GraphError('needs more cells');
      },
    };
    const features = open();
    features.show(picture(1), size);
    const attempt = features.upsampled(fussy, frozenOf(none));
    await expect(attempt).rejects.toThrow(UserError);
    await expect(attempt).rejects.toThrow('fussy on toy cannot look at 32 x 24 px (needs more cells)');
  });

  it('refuses a map larger than the free memory, and says which', async () => {
    const features = open();
    const huge: Upsampler = {
      ...bilinearInterpolation,
      name: 'huge',
      upsample: (map, image, _, scope) => bilinearInterpolation.upsample(map, image, [400_000, 400_000], scope),
    };
    features.show(picture(1), size);
    await expect(features.upsampled(huge, frozenOf(none))).rejects.toThrow(
      /the map of huge is 5\.1 TB \(8 channels of 400000 x 400000 px\).*smaller --size/,
    );
  });
});
