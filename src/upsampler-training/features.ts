import type { Backbone } from '../backbones/types.ts';
import { UserError } from '../base/errors.ts';
import type { RgbImage } from '../base/raster.ts';
import { div, mul, sub } from '../graph/ops/elementwise.ts';
import { prepare } from '../graph/passes/prepare.ts';
import { constant, input, sameShape, show, type Tensor } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { compile } from '../runtime/node.ts';
import type { CompileOptions, Program } from '../runtime/program.ts';
import type { Weights } from '../weights/weight.ts';
import { planes } from './cut.ts';

/** RGB 0..1 as a network expects it. */
export const normalised = (image: Tensor, { mean, std }: Backbone['normalisation']): Tensor =>
  div(sub(image, constant(Float32Array.from(mean), [1, 3, 1, 1])), constant(Float32Array.from(std), [1, 3, 1, 1]));

/** The frozen backbone on square pictures of any size, as a probe uses it: one program for each size. */
export class FrozenFeatures {
  private readonly programs = new Map<number, Promise<Program>>();

  constructor(
    readonly backbone: Backbone,
    private readonly weights: Weights,
    private readonly options: CompileOptions = {},
  ) {}

  /** Features [C,h,w] of a square picture, scaled as in a probe; the caller's own copy. */
  async of(image: RgbImage): Promise<Float32Array> {
    let program = this.programs.get(image.width);
    if (!program) {
      program = this.compiled(image.width);
      this.programs.set(image.width, program);
    }
    const { features } = await (await program).run('features', { image: planes(image) });
    return features.slice();
  }

  async release(): Promise<void> {
    for (const program of this.programs.values()) await (await program).release();
    this.programs.clear();
  }

  private compiled(side: number): Promise<Program> {
    const scope = Scope.frozen('backbone');
    const { backbone } = this;
    const image = normalised(input('image', [1, 3, side, side], 'image'), backbone.normalisation);
    const [features] = prepare([mul(backbone.features(image, scope), backbone.featureScale)], undefined, {
      forGradient: false,
    });
    const bound = new Map<string, Float32Array>();
    for (const [name, { shape }] of scope.parameters) {
      const stored = this.weights.get(name.slice('backbone.'.length));
      if (!stored || !sameShape(stored.shape, shape)) {
        throw new UserError(
          `the weights of ${backbone.name} do not fit: "${name}" should be ${show(shape)}, ` +
            `found ${stored ? show(stored.shape) : 'nothing'}. Give the right file with --weights`,
        );
      }
      bound.set(name, stored.data);
    }
    return compile({ features: { features } }, { ...this.options, split: false, bound });
  }
}
