import type { ProbabilityMap, RgbImage } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';
import { type Plane, resizeBilinear } from './resize.ts';
import { type Box, fitSize, type Size, wholeBox, type ZoomIn } from './zoom.ts';

/**
 * What the network sees of a picture: a box, resized step by step (by the zoom-in, then by the limit on the longest
 * side), then padded at the bottom and on the right to the network's input: the image by its last pixels again, so that
 * no edge appears; the other maps by "nothing there".
 */
export interface Crop {
  box: Box;
  sizes: readonly [Size, ...Size[]];
  /** Size of the network's input, where it is larger than the last of `sizes`. */
  padded?: Size;
}

/**
 * @param box from `chooseBox`; null: the whole picture at its own size
 * @param maxSize crops with a longer side are shrunk to it
 * @param stride what both sides of the network's input are multiples of
 */
export function planCrop(picture: Size, box: Box | null, zoom: ZoomIn | null, maxSize: number, stride = 1): Crop {
  const chosen = box ?? wholeBox(...picture);
  const own = boxSize(chosen);
  const zoomed = box && zoom ? fitSize(own, zoom.targetSize) : own;
  const limited = Math.max(...zoomed) > maxSize ? [fitSize(zoomed, maxSize)] : [];
  const crop: Crop = { box: chosen, sizes: [zoomed, ...limited] };
  const [height, width] = contentSize(crop);
  const padded = padSize([height, width], stride);
  return padded[0] === height && padded[1] === width ? crop : { ...crop, padded };
}

/** The size that is a multiple of the stride on both sides and holds the given one. */
export function padSize([height, width]: Size, stride: number): Size {
  return [Math.ceil(height / stride) * stride, Math.ceil(width / stride) * stride];
}

/** Height and width of the network's input. */
export function cropSize(crop: Crop): Size {
  return crop.padded ?? contentSize(crop);
}

/** Height and width of what is in the network's input of the picture. */
function contentSize({ sizes }: Crop): Size {
  return sizes[sizes.length - 1];
}

/**
 * The crop of a picture, and with `flip` also its mirror image.
 *
 * @returns [B, 3, H, W], RGB, 0..1
 */
export function cropImage(image: RgbImage, crop: Crop, flip: boolean): Float32Array {
  const [height, width] = cropSize(crop);
  const area = height * width;
  const out = new Float32Array((flip ? 6 : 3) * area);
  for (let channel = 0; channel < 3; channel++) {
    const from = window({ data: image.data, width: image.width, pixelStride: 3, offset: channel }, crop.box);
    const to = content(out, channel * area, crop);
    resizeSteps(from, to, crop);
    repeatEdges(to, height, width);
  }
  for (let i = 0; i < 3 * area; i++) out[i] /= 255;
  if (flip)
    for (let channel = 0; channel < 3; channel++) mirror(out, channel * area, (3 + channel) * area, height, width);
  return out;
}

/** Writes the crop of a probability map into the network's input, zeros so far: [H, W] at `offset`, mirrored or not. */
export function cropProbability(
  map: ProbabilityMap,
  crop: Crop,
  out: Float32Array,
  offset: number,
  mirrored: boolean,
): void {
  const [, width] = cropSize(crop);
  const to = content(out, offset, crop);
  const from = window({ data: map.data, width: map.width, pixelStride: 1, offset: 0 }, crop.box);
  resizeSteps(from, mirrored ? { ...to, offset: offset + width - 1, pixelStride: -1 } : to, crop);
}

/** A click's place in the crop, not rounded. */
export function cropClick(click: Click, crop: Crop): Click {
  let { y, x } = click;
  y -= crop.box.top;
  x -= crop.box.left;
  let [height, width] = boxSize(crop.box);
  for (const [toHeight, toWidth] of crop.sizes) {
    y = (toHeight * y) / height;
    x = (toWidth * x) / width;
    [height, width] = [toHeight, toWidth];
  }
  return { y, x, positive: click.positive };
}

/** A click's place in the mirror image of a picture `width` pixels wide. */
export function mirrorClick(click: Click, width: number): Click {
  return { ...click, x: width - click.x - 1 };
}

/** A crop's probabilities [H, W] brought back to the picture: zero outside the box. */
export function pasteProbability(probability: Float32Array, crop: Crop, picture: Size): ProbabilityMap {
  const [height, width] = picture;
  const data = new Float32Array(height * width);
  let from = content(probability, 0, crop);
  for (const size of crop.sizes.slice(0, -1).reverse()) from = resized(from, size);
  resizeBilinear(from, window({ data, width, pixelStride: 1, offset: 0 }, crop.box));
  return { width, height, data };
}

function boxSize(box: Box): Size {
  return [box.bottom - box.top + 1, box.right - box.left + 1];
}

function plane(data: Float32Array, offset: number, height: number, width: number): Plane {
  return { data, offset, rowStride: width, pixelStride: 1, height, width };
}

/** The part of one of the network's planes, [H, W] at `offset`, that is not padding. */
function content(data: Float32Array, offset: number, crop: Crop): Plane {
  const [height, width] = contentSize(crop);
  return { ...plane(data, offset, height, width), rowStride: cropSize(crop)[1] };
}

/** Fills the rest of a plane of the given size with its content's last column, then with its last row. */
function repeatEdges({ data, offset, rowStride, height, width }: Plane, toHeight: number, toWidth: number): void {
  for (let y = 0; y < height && width < toWidth; y++) {
    const row = offset + y * rowStride;
    data.fill(data[row + width - 1], row + width, row + toWidth);
  }
  const last = offset + (height - 1) * rowStride;
  for (let y = height; y < toHeight; y++) data.copyWithin(offset + y * rowStride, last, last + toWidth);
}

/** The box's part of a picture that is `width` pixels wide. */
function window<T extends Uint8Array | Float32Array>(
  { data, width, pixelStride, offset }: { data: T; width: number; pixelStride: number; offset: number },
  box: Box,
): Plane<T> {
  const [height, boxWidth] = boxSize(box);
  return {
    data,
    offset: offset + (box.top * width + box.left) * pixelStride,
    rowStride: width * pixelStride,
    pixelStride,
    height,
    width: boxWidth,
  };
}

function resizeSteps(from: Plane<Uint8Array | Float32Array>, to: Plane, crop: Crop): void {
  let current = from;
  for (const size of crop.sizes.slice(0, -1)) current = resized(current, size);
  resizeBilinear(current, to);
}

function resized(from: Plane<Uint8Array | Float32Array>, [height, width]: Size): Plane {
  const to = plane(new Float32Array(height * width), 0, height, width);
  resizeBilinear(from, to);
  return to;
}

function mirror(data: Float32Array, from: number, to: number, height: number, width: number): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data[to + y * width + x] = data[from + y * width + (width - 1 - x)];
  }
}
