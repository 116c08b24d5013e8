import { boundsOf, type Contour } from './contour.ts';

/** A window of numbers somewhere on the picture, perhaps sticking out of it; row-major. */
export interface Patch {
  left: number;
  top: number;
  width: number;
  height: number;
  data: Float32Array;
}

/**
 * Exact area coverage (0..1) of every pixel by the union of solid contours less the holes, on their bounding box.
 * Signed areas are accumulated along each row (as in font-rs by R. Levien), so the edges need no supersampling.
 */
export function coverageOf(contours: readonly Contour[]): Patch {
  const bounds = boundsOf(contours);
  const left = Math.floor(bounds.left);
  const top = Math.floor(bounds.top);
  const width = Math.ceil(bounds.right) - left + 1;
  const height = Math.ceil(bounds.bottom) - top + 1;
  const stride = width + 2;
  const sums = new Float32Array(stride * height);
  for (const contour of contours) {
    for (let i = 0, j = contour.length - 2; i < contour.length; j = i, i += 2) {
      addEdge(sums, stride, contour[j] - left, contour[j + 1] - top, contour[i] - left, contour[i + 1] - top);
    }
  }
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    let winding = 0;
    for (let x = 0; x < width; x++) {
      winding += sums[y * stride + x];
      const covered = Math.abs(winding);
      data[y * width + x] = covered > 1 ? 1 : covered < 1e-4 ? 0 : covered;
    }
  }
  return { left, top, width, height, data };
}

function addEdge(sums: Float32Array, stride: number, x0: number, y0: number, x1: number, y1: number): void {
  // A level edge covers nothing; a nearly level one neither, and its slope would overflow.
  if (Math.abs(y1 - y0) < 1e-9) return;
  const way = y0 < y1 ? 1 : -1;
  const yTop = Math.min(y0, y1);
  const yBottom = Math.max(y0, y1);
  const slope = (x1 - x0) / (y1 - y0);
  let x = y0 < y1 ? x0 : x1;
  for (let y = Math.floor(yTop); y < yBottom; y++) {
    const dy = Math.min(y + 1, yBottom) - Math.max(y, yTop);
    const next = x + slope * dy;
    addRow(sums, y * stride, way * dy, Math.min(x, next), Math.max(x, next));
    x = next;
  }
}

/** Spreads a row's share `d` of an edge that runs from `a` to `b` over the pixels it crosses. */
function addRow(sums: Float32Array, row: number, d: number, a: number, b: number): void {
  const first = Math.floor(a);
  const last = Math.ceil(b);
  const at = row + first;
  if (last <= first + 1) {
    const share = 0.5 * (a + b) - first;
    sums[at] += d * (1 - share);
    sums[at + 1] += d * share;
    return;
  }
  const s = 1 / (b - a);
  const out = first + 1 - a;
  const into = b - last + 1;
  const start = 0.5 * s * out * out;
  const end = 0.5 * s * into * into;
  sums[at] += d * start;
  if (last === first + 2) {
    sums[at + 1] += d * (1 - start - end);
  } else {
    const second = s * (out + 0.5);
    sums[at + 1] += d * (second - start);
    for (let x = first + 2; x < last - 1; x++) sums[row + x] += d * s;
    sums[row + last - 1] += d * (1 - second - (last - first - 3) * s - end);
  }
  sums[row + last] += d * end;
}

/** Three box blurs, nearly a Gaussian of standard deviation `radius`; what lies outside the window counts as 0. */
export function blur(patch: Patch, radius: number): Patch {
  const half = Math.max(1, Math.round(radius));
  const grown = pad(patch, half * 3);
  const spare = new Float32Array(grown.data.length);
  for (let pass = 0; pass < 3; pass++) {
    boxRows(grown.data, spare, grown.width, grown.height, half);
    boxColumns(spare, grown.data, grown.width, grown.height, half);
  }
  return grown;
}

function pad(patch: Patch, by: number): Patch {
  const width = patch.width + 2 * by;
  const height = patch.height + 2 * by;
  const data = new Float32Array(width * height);
  for (let y = 0; y < patch.height; y++) {
    data.set(patch.data.subarray(y * patch.width, (y + 1) * patch.width), (y + by) * width + by);
  }
  return { left: patch.left - by, top: patch.top - by, width, height, data };
}

function boxRows(from: Float32Array, to: Float32Array, width: number, height: number, half: number): void {
  const scale = 1 / (2 * half + 1);
  for (let y = 0; y < height; y++) {
    const row = y * width;
    let sum = 0;
    for (let x = 0; x < Math.min(half, width); x++) sum += from[row + x];
    for (let x = 0; x < width; x++) {
      if (x + half < width) sum += from[row + x + half];
      if (x - half - 1 >= 0) sum -= from[row + x - half - 1];
      to[row + x] = sum * scale;
    }
  }
}

function boxColumns(from: Float32Array, to: Float32Array, width: number, height: number, half: number): void {
  const scale = 1 / (2 * half + 1);
  const sums = new Float64Array(width);
  for (let y = 0; y < Math.min(half, height); y++) {
    for (let x = 0; x < width; x++) sums[x] += from[y * width + x];
  }
  for (let y = 0; y < height; y++) {
    const enter = (y + half) * width;
    const leave = (y - half - 1) * width;
    for (let x = 0; x < width; x++) {
      if (y + half < height) sums[x] += from[enter + x];
      if (leave >= 0) sums[x] -= from[leave + x];
      to[y * width + x] = sums[x] * scale;
    }
  }
}
