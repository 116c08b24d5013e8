import type { Backbone } from '../backbones/types.ts';
import { UserError } from '../base/errors.ts';
import type { RgbImage } from '../base/raster.ts';
import { byteSize } from '../downloads/units.ts';
import { rewrite } from '../graph/passes/rewrite.ts';
import { count, GraphError, input, nameOf, sources } from '../graph/tensor.ts';
import { cropImage, planCrop } from '../interaction/crop.ts';
import { type Size, wholeBox, zoomIn } from '../interaction/zoom.ts';
import { buildFeatures, type FeatureGraph } from '../probe/probe.ts';
import type { FeatureMap } from '../report/pca.ts';
import { compile } from '../runtime/node.ts';
import type { CompileOptions, Feeds, Program, Results } from '../runtime/program.ts';
import type { Upsampler } from '../upsamplers/types.ts';
import { type Frozen, frozenValues } from './frozen.ts';

/**
 * Features of one picture after the other, without clicks, before and after upsamplers. The backbone sees a picture
 * once, however many upsamplers follow; its program is kept while pictures have the same size. A program of an
 * upsampler lasts for one map: beside the backbone there is one upsampler and one of its maps at a time.
 */
export class FeatureMaps {
  private pixels: Float32Array = new Float32Array();
  private size: Size = [0, 0];
  /** By how many times as large the backbone sees the picture. */
  private readonly low = new Map<number, FeatureMap>();
  private kept: { key: string; program: Program } | undefined;

  constructor(
    private readonly backbone: Backbone,
    private readonly options: Omit<CompileOptions, 'bound'>,
  ) {}

  /**
   * Turns to another picture, resized as in a bench.
   *
   * @returns what the network gets: RGB, 0..1, [3,H,W]
   */
  show(image: RgbImage, size: Size): Float32Array {
    const own: Size = [image.height, image.width];
    this.pixels = cropImage(image, planCrop(own, wholeBox(...own), zoomIn(size), Number.POSITIVE_INFINITY), false);
    this.size = size;
    this.low.clear();
    return this.pixels;
  }

  /** What an upsampler gets, [C,h,w]. @throws UserError where the network cannot be built at this size */
  lowRes(upsampler: Upsampler, frozen: Frozen): Promise<FeatureMap> {
    return this.lowResOf(this.build(upsampler), upsampler, frozen);
  }

  /**
   * What an upsampler makes of the features, as large as it makes them by itself. The caller owns the numbers.
   *
   * @throws UserError where it cannot be built at this size, or its map is larger than the free memory
   */
  async upsampled(upsampler: Upsampler, frozen: Frozen): Promise<FeatureMap> {
    const graph = this.build(upsampler);
    const low = await this.lowResOf(graph, upsampler, frozen);
    if (graph.upsampled === graph.features) return low;
    requireMemory(graph.upsampled.shape, upsampler);
    const features = input('features', graph.features.shape, 'image');
    const [upsampled] = rewrite([graph.upsampled], node => (node === graph.features ? features : null));
    const program = await this.compile({ upsampled }, graph, 'frozen.upsampler.', upsampler, frozen);
    try {
      const feeds: Record<string, Float32Array> = { image: this.pixels, features: low.data };
      const asked = sources([upsampled]).map(nameOf);
      const given = Object.entries(feeds).filter(([name]) => asked.includes(name));
      const { upsampled: data } = await this.run(program, Object.fromEntries(given), upsampler.name);
      return featureMap(data, upsampled.shape);
    } finally {
      await program.release();
    }
  }

  async release(): Promise<void> {
    await this.kept?.program.release();
    this.kept = undefined;
  }

  private build(upsampler: Upsampler): FeatureGraph {
    const [height, width] = this.size;
    try {
      return buildFeatures({ backbone: this.backbone, upsampler }, this.size);
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      throw new UserError(
        `${upsampler.name} on ${this.backbone.name} cannot look at ${width} x ${height} px (${error.message}). ` +
          'Choose another --size, or leave it out',
        { cause: error },
      );
    }
  }

  private async lowResOf(graph: FeatureGraph, upsampler: Upsampler, frozen: Frozen): Promise<FeatureMap> {
    const factor = upsampler.imageFactor ?? 1;
    const known = this.low.get(factor);
    if (known) return known;
    const key = [...this.size, factor].join();
    if (this.kept?.key !== key) {
      await this.release();
      const program = await this.compile({ features: graph.features }, graph, 'frozen.backbone.', upsampler, frozen);
      this.kept = { key, program };
    }
    const { features } = await this.run(this.kept!.program, { image: this.pixels }, this.backbone.name);
    const map = featureMap(features.slice(), graph.features.shape);
    this.low.set(factor, map);
    return map;
  }

  private async run(program: Program, feeds: Feeds, name: string): Promise<Results> {
    try {
      return await program.run('look', feeds);
    } catch (error) {
      const message = error instanceof Error ? error.message : `${error}`;
      if (!/allocat|bad_alloc|out of memory/i.test(message)) throw error;
      throw new UserError(`${name} ran out of memory (${message.split('\n')[0]}). Choose a smaller --size`, {
        cause: error,
      });
    }
  }

  private compile(
    outputs: Parameters<typeof compile>[0][string],
    graph: FeatureGraph,
    prefix: string,
    upsampler: Upsampler,
    frozen: Frozen,
  ): Promise<Program> {
    const own = new Map([...graph.frozen].filter(([name]) => name.startsWith(prefix)));
    const bound = frozenValues({ frozen: own }, frozen, { backbone: this.backbone, upsampler });
    return compile({ look: outputs }, { ...this.options, bound });
  }
}

const featureMap = (data: Float32Array, [, channels, height, width]: readonly number[]): FeatureMap => ({
  channels,
  height,
  width,
  data,
});

function requireMemory(shape: readonly number[], { name }: Upsampler): void {
  const needed = 4 * count(shape);
  const free = process.availableMemory();
  if (needed <= free) return;
  const [, channels, height, width] = shape;
  throw new UserError(
    `the map of ${name} is ${byteSize(needed)} (${channels} channels of ${width} x ${height} px), ` +
      `of memory ${byteSize(free)} are free. Choose a smaller --size`,
  );
}
