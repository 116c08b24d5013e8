import type { Mask, ProbabilityMap, RgbImage } from '../base/raster.ts';
import { type Click, type ClickMapOptions, drawClickMaps } from '../clicks/maps.ts';
import {
  type Crop,
  cropClick,
  cropImage,
  cropProbability,
  cropSize,
  mirrorClick,
  pasteProbability,
  planCrop,
} from './crop.ts';
import type { ClickModel } from './model.ts';
import { requirePixel } from './pixel.ts';
import { type PointTensor, pointTensor } from './points.ts';
import { type Box, boxIou, chooseBox, objectBox, type Size, wholeBox, type ZoomIn } from './zoom.ts';

export interface SessionOptions {
  /** From `zoomIn(224)` and the like; null: the whole picture, always. */
  zoomIn: ZoomIn | null;
  /** Average with the prediction for the mirrored picture. */
  flip: boolean;
  /** What the network sees is shrunk to this longest side, in pixels. Default: no limit. */
  maxSize?: number;
  /** What the network sees is padded at the bottom and on the right until this divides both sides. Default 1. */
  stride?: number;
  /** Default: disks of radius 5. */
  clickMaps?: ClickMapOptions;
  /** The network is shown only the first so many clicks, as with the original's `net_clicks_limit`. Default: all. */
  clickLimit?: number;
  /** The mask is where the probability is above this, 0..1. Default 0.5. */
  threshold?: number;
  /** What the network is shown as previous map at the first click, at the picture's size. Default: zeros. */
  firstMap?: ProbabilityMap;
}

/** What a click leaves behind. Never changed once made, so that undo is going back to an earlier one. */
interface State {
  clicks: readonly Click[];
  probability: ProbabilityMap;
  /** The zoomed box in use; null before the first. */
  box: Box | null;
}

/** Which crop of which picture a model was given last. Sessions may share a model. */
const shown = new WeakMap<ClickModel, { image: RgbImage; crop: string }>();

/**
 * Interactive segmentation of one picture: every click refines the map of the one before.
 *
 * @example
 * const session = new InteractiveSession(model, image, { zoomIn: zoomIn([224, 224]), flip: true });
 * const { data } = await session.click({ x: 120, y: 80, positive: true });
 * session.undo();
 */
export class InteractiveSession {
  private readonly history: State[];
  private readonly size: Size;
  private busy = false;

  constructor(
    private readonly model: ClickModel,
    readonly image: RgbImage,
    private readonly options: SessionOptions,
  ) {
    const { width, height } = image;
    this.size = [height, width];
    const probability = { width, height, data: new Float32Array(width * height) };
    this.history = [{ clicks: [], probability, box: null }];
  }

  /** All clicks, oldest first. */
  get clicks(): readonly Click[] {
    return this.state.clicks;
  }

  /** The map after the last click, at the picture's size; zeros before the first. Not to be written to. */
  get probability(): ProbabilityMap {
    return this.state.probability;
  }

  /** Where the network looked at the last click; null: at the whole picture at its own size. */
  get box(): Box | null {
    return this.state.box;
  }

  get threshold(): number {
    return this.options.threshold ?? 0.5;
  }

  /** The pixels whose probability is above the threshold. */
  get mask(): Mask {
    return thresholded(this.probability, this.threshold);
  }

  /**
   * Adds a click and predicts anew. Where the model fails, the session stays as it was.
   *
   * @throws UserError for a click that is not a pixel of the picture
   */
  async click(click: Click): Promise<ProbabilityMap> {
    requirePixel(click, this.image);
    this.assertIdle();
    this.busy = true;
    try {
      this.history.push(await this.next([...this.clicks, click]));
    } finally {
      this.busy = false;
    }
    return this.probability;
  }

  /** Takes the last click back; the session is exactly as before it. Returns false where there is none. */
  undo(): boolean {
    this.assertIdle();
    if (this.history.length === 1) return false;
    this.history.pop();
    return true;
  }

  /** Takes all clicks back. */
  reset(): void {
    this.assertIdle();
    this.history.length = 1;
  }

  private get state(): State {
    return this.history[this.history.length - 1];
  }

  private assertIdle(): void {
    if (this.busy) throw new Error('the session is still working on a click: await it first');
  }

  private async next(clicks: readonly Click[]): Promise<State> {
    const zoom = this.options.zoomIn;
    const { probability: previous, box: kept } = this.state;
    const box = zoom && chooseBox(clicks, previous, kept, zoom);
    const shownMap = this.history.length === 1 ? (this.options.firstMap ?? previous) : previous;
    const probability = await this.predict(clicks, box, shownMap);
    if (zoom?.skipClicks !== 0 || box !== null) return { clicks, probability, box };
    // the first look was at the whole picture: where it found something small, the same click looks again, closer
    const found = objectBox([], probability, zoom);
    if (found === null || boxIou(found, wholeBox(...this.size)) >= 0.5) return { clicks, probability, box };
    const closer = chooseBox(clicks, probability, null, zoom);
    return { clicks, probability: await this.predict(clicks, closer, shownMap), box: closer };
  }

  private async predict(clicks: readonly Click[], box: Box | null, previous: ProbabilityMap): Promise<ProbabilityMap> {
    const { flip, maxSize = Infinity, stride } = this.options;
    const crop = planCrop(this.size, box, this.options.zoomIn, maxSize, stride);
    await this.show(crop);
    const { input, points } = this.networkInput(clicks, crop, previous);
    const logits = await this.model.predict(input, points);
    const [height, width] = cropSize(crop);
    if (logits.length !== (flip ? 2 : 1) * height * width) {
      throw new RangeError(`the model gave ${logits.length} logits for ${flip ? 2 : 1} crops of ${height}x${width}`);
    }
    return pasteProbability(toProbability(logits, flip, height, width), crop, this.size);
  }

  private async show(crop: Crop): Promise<void> {
    const { model, image } = this;
    const { flip } = this.options;
    const key = JSON.stringify([crop, flip]);
    const last = shown.get(model);
    if (last?.image === image && last.crop === key) return;
    shown.delete(model);
    await model.setImage(cropImage(image, crop, flip), [flip ? 2 : 1, 3, ...cropSize(crop)]);
    shown.set(model, { image, crop: key });
  }

  /** `input` [B, 3, H, W]: previous probability, positive clicks, negative clicks; and the clicks as points. */
  private networkInput(
    clicks: readonly Click[],
    crop: Crop,
    previous: ProbabilityMap,
  ): { input: Float32Array; points: PointTensor } {
    const { flip, clickMaps = { form: 'disk', radius: 5 }, clickLimit } = this.options;
    const [height, width] = cropSize(crop);
    const area = height * width;
    const input = new Float32Array((flip ? 6 : 3) * area);
    const placed = clicks.map(click => cropClick(click, crop));
    const rows = flip ? [placed, placed.map(click => mirrorClick(click, width))] : [placed];
    for (const [b, row] of rows.entries()) {
      const planes = input.subarray(3 * b * area, 3 * (b + 1) * area);
      cropProbability(previous, crop, planes, 0, b === 1);
      drawClickMaps(row.slice(0, clickLimit), height, width, clickMaps, planes.subarray(area));
    }
    return { input, points: pointTensor(rows, clickLimit) };
  }
}

/** The pixels of a map above a threshold. */
export function thresholded({ width, height, data }: ProbabilityMap, threshold: number): Mask {
  const mask = new Uint8Array(data.length);
  for (let i = 0; i < mask.length; i++) mask[i] = data[i] > threshold ? 1 : 0;
  return { width, height, data: mask };
}

/** With flip, the logits of the picture and of the mirrored back mirror image are averaged before the sigmoid. */
export function toProbability(logits: Float32Array, flip: boolean, height: number, width: number): Float32Array {
  const out = new Float32Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const logit = flip ? 0.5 * Math.fround(logits[i] + logits[(height + y + 1) * width - 1 - x]) : logits[i];
      out[i] = 1 / (1 + Math.exp(-logit));
    }
  }
  return out;
}
