import { UserError } from '../../base/errors.ts';
import { add } from '../../graph/ops/elementwise.ts';
import { concat, slice } from '../../graph/ops/layout.ts';
import { show, type Tensor } from '../../graph/tensor.ts';
import type { Scope } from '../../nn/scope.ts';
import type { Backbone } from '../types.ts';
import { cellsOf, describeLayout, inLayout, layoutOf } from './feature-layout.ts';
import { type FoundFeatures, findFeatures } from './find-features.ts';
import { graphWeights, importGraph } from './graph.ts';
import { chooseInjection, type Injection } from './injection.ts';
import { feedsOf, type ImportedModel, type Size } from './model.ts';
import { takesAnySize } from './sizes.ts';

/** A backbone that is a file. */
export interface ImportedBackbone extends Backbone {
  /** The only image size that the file takes; null: any that its stride divides. */
  size: Size | null;
  /** Why clicks cannot enter early; null where they can. */
  earlyRefusal: string | null;
}

/**
 * A model as a backbone: its nodes are imported into our graph, so that gradients run through them and clicks can enter
 * inside.
 *
 * @param side of the images that it is to be used with, px.
 * @throws UserError where it is not plain what holds features, or something on the way to it cannot be imported.
 */
export function importedBackbone(model: ImportedModel, side: number): ImportedBackbone {
  const { path, file, image, options } = model;
  const found = findFeatures(model, side);
  const { output, layout } = found;
  const injection = chooseInjection(model, found);
  const refused = typeof injection === 'string';
  const { channels, stride } = refused ? layout : injection.layout;
  const size = image.size && !takesAnySize(model, output) ? image.size : null;
  return {
    name: file,
    description:
      `Imported from the file: "${output}" as ${describeLayout(layout)}; early clicks ` +
      `${refused ? 'cannot enter' : `are added to "${injection.name}"`}.`,
    source: `the file ${path}`,
    licence: 'that of the file',
    stride: layout.stride,
    channels: layout.channels,
    featureScale: options.scale === 'auto' ? 1 : options.scale,
    early: { channels, stride, gain: options.clickGain },
    normalisation: { mean: options.mean, std: options.std },
    size,
    earlyRefusal: refused ? injection : null,
    features(pixels, scope, clicks) {
      const [batch, , height, width] = pixels.shape;
      if (clicks && refused) throw new UserError(injection);
      if (size && (size[0] !== height || size[1] !== width)) throw otherSize(file, size, [height, width]);
      const place = refused ? undefined : injection;
      if (image.batch === null) return features(model, found, pixels, scope, place, clicks);
      // exported for one image at a time
      const one = (x: Tensor, i: number) => slice(x, 0, i, 1);
      const parts = Array.from({ length: batch }, (_, i) =>
        features(model, found, one(pixels, i), scope, place, clicks && one(clicks, i)),
      );
      return concat(parts, 0);
    },
    async weights(other) {
      if (other === undefined) return graphWeights(model);
      throw new UserError(`${file} holds its weights itself, given --weights ${other}: leave --weights out`);
    },
  };
}

function features(
  model: ImportedModel,
  { output, layout, size }: FoundFeatures,
  pixels: Tensor,
  scope: Scope,
  place?: Injection,
  clicks?: Tensor,
): Tensor {
  const given = [pixels.shape[2], pixels.shape[3]] as const;
  const by = (x: Tensor) => add(x, inLayout(clicks!, place!.layout));
  const replace = clicks && place && { name: place.name, by };
  const graph = importGraph(model, { feeds: feedsOf(model, pixels), scope, wanted: [output], replace });
  const { tensor, shape } = graph.get(output);
  const here = layoutOf(shape, given, layout.form === 'tokens' ? layout.prefix : layout.form);
  if (tensor && typeof here !== 'string' && here.stride === layout.stride) return cellsOf(tensor, layout, given);
  throw new UserError(
    `${model.file}: at ${given.join(' x ')} px its "${output}" is ${show(shape)}, expected ${describeLayout(layout)} as ` +
      `at ${size.join(' x ')} px. Use a size that the stride divides`,
  );
}

function otherSize(file: string, [h, w]: Size, given: Size): UserError {
  const training = h === w ? `--set training.size=${h} --mode fixed${h}` : `--mode fixed${h},${w}`;
  return new UserError(
    `${file} takes images of ${h} x ${w} px alone, given ${given.join(' x ')}: use ${training}, or export it with free ` +
      'sizes (dynamic axes)',
  );
}
