import type { Mask, RgbImage } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';
import { blend, type Color, fillDisk, roundHalfToEven } from './canvas.ts';
import { thickOutline } from './outline.ts';

interface OverlayOptions {
  /** The prediction; without one nothing is darkened. */
  mask?: Mask;
  clicks?: readonly Click[];
  /**
   * `pretty` (default): smooth outline, signed dots, everything sized to the picture.
   * `reference`: byte for byte what the paper's evaluation writes (hard pixels, radius 4).
   */
  style?: 'pretty' | 'reference';
  /** Brightness outside the mask, 0..1; default 0.4 for `pretty`, 0.5 for `reference`. */
  brightness?: number;
}

/**
 * The picture with a prediction and the clicks on it: bright inside the mask, dark outside, a yellow
 * outline, positive clicks green, negative ones red. The input is not changed.
 *
 * @throws RangeError where mask and image differ in size.
 */
export function drawOverlay(image: RgbImage, options: OverlayOptions = {}): RgbImage {
  const { mask, clicks = [], style = 'pretty' } = options;
  if (mask && (mask.width !== image.width || mask.height !== image.height)) {
    const sizes = `the mask is ${mask.width}x${mask.height}, the image ${image.width}x${image.height}`;
    throw new RangeError(`${sizes}: an overlay needs both at the same size`);
  }
  const canvas = { ...image, data: image.data.slice() };
  if (style === 'reference') {
    if (mask) drawReferenceMask(canvas, mask, options.brightness ?? 0.5);
    for (const click of clicks) if (click.positive) fillDisk(canvas, click, 4, [0, 255, 0]);
    for (const click of clicks) if (!click.positive) fillDisk(canvas, click, 4, [255, 0, 0]);
  } else {
    const unit = Math.max(image.width, image.height) / 320;
    if (mask) drawPrettyMask(canvas, mask, options.brightness ?? 0.4, unit);
    for (const click of clicks) drawDot(canvas, click, unit);
  }
  return canvas;
}

/** Outside the mask darkened (rounded half to even), inside as it was, with the inner half of an outline. */
function drawReferenceMask(canvas: RgbImage, mask: Mask, brightness: number): void {
  const dark = Uint8Array.from({ length: 256 }, (_, value) => roundHalfToEven(value * brightness));
  const outline = thickOutline(mask).data;
  for (let i = 0; i < mask.data.length; i++) {
    if (!mask.data[i]) for (let c = 0; c < 3; c++) canvas.data[3 * i + c] = dark[canvas.data[3 * i + c]];
    else if (outline[i]) canvas.data.set([255, 255, 100], 3 * i);
  }
}

function drawPrettyMask(canvas: RgbImage, mask: Mask, brightness: number, unit: number): void {
  const { data } = canvas;
  for (let i = 0; i < mask.data.length; i++) {
    if (mask.data[i]) continue;
    const grey = 0.299 * data[3 * i] + 0.587 * data[3 * i + 1] + 0.114 * data[3 * i + 2];
    for (let c = 0; c < 3; c++) data[3 * i + c] = Math.round(brightness * (0.6 * data[3 * i + c] + 0.4 * grey));
  }
  const half = Math.max(0.6, 0.75 * unit);
  const reach = Math.ceil(half + 1);
  const distances = outlineDistances(mask, reach);
  for (let i = 0; i < distances.length; i++) {
    const coverage = Math.min(1, half + 0.5 - distances[i]);
    if (coverage > 0) blend(canvas, i % mask.width, Math.floor(i / mask.width), [255, 214, 64], coverage);
  }
}

/** Distance of pixel centres to the mask's edge (where inside and outside pixels touch), exact up to `reach`. */
function outlineDistances(mask: Mask, reach: number): Float32Array {
  const { width, height } = mask;
  const isInside = insideTest(mask);
  const distances = new Float32Array(width * height).fill(Infinity);
  const stamp = (x: number, y: number) => {
    for (let v = Math.max(0, Math.ceil(y - reach)); v <= Math.min(height - 1, y + reach); v++) {
      for (let u = Math.max(0, Math.ceil(x - reach)); u <= Math.min(width - 1, x + reach); u++) {
        const distance = Math.hypot(u - x, v - y);
        if (distance < distances[v * width + u]) distances[v * width + u] = distance;
      }
    }
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (x + 1 < width && isInside(x, y) !== isInside(x + 1, y)) stamp(x + 0.5, y);
      if (y + 1 < height && isInside(x, y) !== isInside(x, y + 1)) stamp(x, y + 0.5);
    }
  }
  return distances;
}

/** A dot with a white rim, a thin shadow and a plus or minus sign: readable without telling red from green. */
function drawDot(canvas: RgbImage, click: Click, unit: number): void {
  const radius = Math.max(3.5, 8 * unit);
  const rim = radius / 6;
  const arm = 0.55 * radius;
  const stroke = 0.15 * radius;
  const fill: Color = click.positive ? [16, 160, 72] : [220, 38, 48];
  const reach = Math.ceil(radius + 2 * rim + 1);
  const [left, top] = [Math.round(click.x) - reach, Math.round(click.y) - reach];
  for (let y = top; y <= top + 2 * reach; y++) {
    for (let x = left; x <= left + 2 * reach; x++) {
      const [dx, dy] = [x - click.x, y - click.y];
      const inset = (limit: number, distance: number) => Math.min(1, Math.max(0, limit + 0.5 - distance));
      const distance = Math.hypot(dx, dy);
      const bar = (along: number, across: number) => inset(arm, Math.abs(along)) * inset(stroke, Math.abs(across));
      const sign = Math.max(bar(dx, dy), click.positive ? bar(dy, dx) : 0);
      blend(canvas, x, y, [0, 0, 0], 0.45 * inset(radius + rim, distance));
      blend(canvas, x, y, [255, 255, 255], inset(radius, distance));
      blend(canvas, x, y, fill, inset(radius - rim, distance));
      blend(canvas, x, y, [255, 255, 255], sign);
    }
  }
}

function insideTest(mask: Mask): (x: number, y: number) => boolean {
  return (x, y) => x >= 0 && y >= 0 && x < mask.width && y < mask.height && mask.data[y * mask.width + x] !== 0;
}
