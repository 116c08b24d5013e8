import { pad, slice, transpose } from '../../graph/ops/layout.ts';
import type { Shape, Tensor } from '../../graph/tensor.ts';
import { toMap, toTokens } from '../../nn/layers.ts';

/** What is said of how features lie: found, a map [B,C,h,w], a map [B,h,w,C], or tokens after so many others. */
export type TokenOption = 'auto' | 'map' | 'map-last' | number;

/** How a value holds a grid of cells: a map [B,C,h,w], a map [B,h,w,C], or tokens [B,prefix+h*w,C]. */
export interface Layout {
  form: 'map' | 'map-last' | 'tokens';
  /** Tokens in front of those of the cells: class token, registers. */
  prefix: number;
  /** Pixels per cell. */
  stride: number;
  channels: number;
}

type Size = readonly [height: number, width: number];

/** Class token and registers; more than this is rather another grid. */
const MOST_PREFIX = 16;

/** How a value of a shape holds features of an image, or why it does not. */
export function layoutOf(shape: Shape, size: Size, option: TokenOption): Layout | string {
  if (typeof option === 'number') return tokensAfter(shape, size, option);
  if (option !== 'auto') return mapLayout(shape, size, option) ?? `is no map whose size divides ${size.join(' x ')} px`;
  if (shape.length === 4) {
    const map = mapLayout(shape, size, 'map') ?? mapLayout(shape, size, 'map-last');
    return map ?? `is no map whose size divides ${size.join(' x ')} px`;
  }
  if (shape.length !== 3) return 'is neither a map [b,C,h,w] nor tokens [b,n,C]';
  const found = strides(size)
    .map(stride => tokensAfter(shape, size, shape[1] - cells(size, stride)))
    .filter(layout => typeof layout !== 'string')
    .filter(({ prefix }) => prefix <= MOST_PREFIX);
  if (found.length === 1) return found[0];
  if (found.length === 0) return `has ${shape[1]} tokens, which no grid of ${size.join(' x ')} px has`;
  const choices = found.map(({ prefix, stride }) => `${prefix} before a grid of stride ${stride}`);
  return `has ${shape[1]} tokens: ${choices.join(' or ')}. Say how many stand in front by onnx.tokens`;
}

function mapLayout(shape: Shape, size: Size, form: 'map' | 'map-last'): Layout | undefined {
  if (shape.length !== 4) return undefined;
  const [h, w] = form === 'map' ? [shape[2], shape[3]] : [shape[1], shape[2]];
  const stride = size[0] / h;
  if (!Number.isInteger(stride) || stride * w !== size[1] || h * w === 1) return undefined;
  return { form, prefix: 0, stride, channels: form === 'map' ? shape[1] : shape[3] };
}

function tokensAfter(shape: Shape, size: Size, prefix: number): Layout | string {
  const stride = prefix >= 0 && strides(size).find(each => cells(size, each) === shape[1] - prefix);
  if (shape.length === 3 && stride) return { form: 'tokens', prefix, stride, channels: shape[2] };
  return `is not ${prefix} tokens before a grid of ${size.join(' x ')} px`;
}

const cells = (size: Size, stride: number): number => (size[0] * size[1]) / stride ** 2;

/** Strides that divide both sides; one cell alone is no grid. */
const strides = ([height, width]: Size): number[] =>
  Array.from({ length: Math.min(height, width) }, (_, i) => i + 1).filter(
    stride => height % stride === 0 && width % stride === 0 && height * width > stride ** 2,
  );

/** The cells of a value as a map [B,C,h,w]. */
export function cellsOf(value: Tensor, { form, prefix, stride }: Layout, [height, width]: Size): Tensor {
  if (form === 'map') return value;
  if (form === 'map-last') return transpose(value, [0, 3, 1, 2]);
  const [h, w] = [height / stride, width / stride];
  return toMap(slice(value, 1, prefix, h * w), h, w);
}

/** A map [B,C,h,w] as a value of a layout; what stands in front is 0. */
export function inLayout(map: Tensor, { form, prefix }: Layout): Tensor {
  if (form === 'map') return map;
  if (form === 'map-last') return transpose(map, [0, 2, 3, 1]);
  return pad(toTokens(map), [[1, prefix, 0]]);
}

/** For people. */
export function describeLayout({ form, prefix, stride, channels }: Layout): string {
  const rest = `stride ${stride}, ${channels} channels`;
  if (form !== 'tokens') return `a map${form === 'map-last' ? ' with channels last' : ''}, ${rest}`;
  return `tokens${prefix === 0 ? '' : ` after ${prefix} other${prefix === 1 ? '' : 's'}`}, ${rest}`;
}
