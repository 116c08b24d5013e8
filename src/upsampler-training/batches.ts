import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { Dataset, Sample } from '../datasets/types.ts';
import { type Cut, drawCut, largeEnough, MOST_ENLARGED } from './cut.ts';
import type { Draw, Method, Setting } from './method.ts';

export interface Batch {
  variant: number;
  draws: Draw[];
}

/** So many images in a row that are too small are taken for a wrong choice of size. */
const ATTEMPTS = 50;
const CACHE_BYTES = 512 * 2 ** 20;

/**
 * What every step is trained on. It depends on the seed and the step alone: every image once in an epoch, in an order that
 * is drawn for it. In the place of an image that is too small comes another one.
 */
export class Batches {
  private readonly cache = new Map<number, Promise<Sample>>();
  private bytes = 0;
  private ahead: { step: number; batch: Promise<Batch> } | null = null;
  private epoch = { number: -1, order: [] as number[] };
  /** Images so far that were too small. */
  readonly tooSmall = new Set<string>();

  constructor(
    private readonly dataset: Dataset,
    private readonly method: Method,
    private readonly setting: Setting,
    private readonly seed: number,
  ) {}

  /** The batch of a step; that of the next one is prepared while this one is computed. */
  async take(step: number): Promise<Batch> {
    const batch = await (this.ahead?.step === step ? this.ahead.batch : this.make(step));
    const next = this.make(step + 1);
    // it is reported when it is taken
    next.catch(() => {});
    this.ahead = { step: step + 1, batch: next };
    return batch;
  }

  private async make(step: number): Promise<Batch> {
    const { method, setting, seed } = this;
    const variants = method.variants?.(setting) ?? 1;
    const variant = Random.of(seed, 'variant', step).integer(0, variants - 1);
    const draws: Draw[] = [];
    for (let slot = 0; slot < setting.batch; slot++) {
      const random = Random.of(seed, 'draw', step, slot);
      draws.push(method.draw(await this.cut(step, slot, random), random, setting, variant));
    }
    return { variant, draws };
  }

  private async cut(step: number, slot: number, random: Random): Promise<Cut> {
    const { dataset, method, setting } = this;
    const side = method.cut(setting.size);
    let index = this.indexOf(step * setting.batch + slot);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { image, objects, id } = await this.sample(index);
      if (largeEnough(image, side)) return drawCut(image, method.masks ? objects : [], side, random);
      this.tooSmall.add(id);
      index = random.integer(0, dataset.size - 1);
    }
    throw new UserError(
      `${this.tooSmall.size} of the images are too small, such as ${[...this.tooSmall][0]}: at --size ${setting.size}, ` +
        `${method.upsampler} needs ${Math.ceil(side / MOST_ENLARGED)} px on the shorter side. Choose a smaller --size or larger images`,
    );
  }

  private indexOf(position: number): number {
    const { size } = this.dataset;
    const number = Math.floor(position / size);
    if (this.epoch.number !== number) {
      const all = Array.from({ length: size }, (_, i) => i);
      this.epoch = { number, order: Random.of(this.seed, 'order', number).shuffle(all) };
    }
    return this.epoch.order[position % size];
  }

  /** Decoded images are kept as long as there is room. */
  private sample(index: number): Promise<Sample> {
    const known = this.cache.get(index);
    if (known) return known;
    const sample = this.dataset.load(index);
    if (this.bytes < CACHE_BYTES) {
      this.cache.set(index, sample);
      sample.then(
        ({ image, objects }) => {
          this.bytes += image.data.length * (1 + objects.length / 3);
        },
        () => this.cache.delete(index),
      );
    }
    return sample;
  }
}
