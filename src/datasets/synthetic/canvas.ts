import type { Rgb } from './color.ts';
import type { Patch } from './coverage.ts';

/** A picture in linear light, channels interleaved, row-major. */
export interface Canvas {
  width: number;
  height: number;
  data: Float32Array;
}

export function createCanvas(width: number, height: number): Canvas {
  return { width, height, data: new Float32Array(width * height * 3) };
}

/** Lays one colour over the canvas where the patch covers it, times `opacity`. */
export function stamp(canvas: Canvas, patch: Patch, colour: Rgb, opacity = 1): void {
  eachPixel(canvas, patch, (at, i) => {
    const t = patch.data[i] * opacity;
    for (let c = 0; c < 3; c++) canvas.data[at + c] += (colour[c] - canvas.data[at + c]) * t;
  });
}

/** Takes light away where the patch covers the canvas; `tint` is what is left under full cover, per channel. */
export function darken(canvas: Canvas, patch: Patch, tint: Rgb): void {
  eachPixel(canvas, patch, (at, i) => {
    for (let c = 0; c < 3; c++) canvas.data[at + c] *= 1 - patch.data[i] * (1 - tint[c]);
  });
}

/** Calls back for each pixel that the patch covers, with its place in the canvas data and in the patch data. */
export function eachPixel(canvas: Canvas, patch: Patch, visit: (at: number, i: number) => void): void {
  const x0 = Math.max(0, -patch.left);
  const x1 = Math.min(patch.width, canvas.width - patch.left);
  const y1 = Math.min(patch.height, canvas.height - patch.top);
  for (let y = Math.max(0, -patch.top); y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      const i = y * patch.width + x;
      if (patch.data[i] > 0) visit(((y + patch.top) * canvas.width + x + patch.left) * 3, i);
    }
  }
}

/** The canvas `factor` times as large (cut to the given size), bilinear: what was drawn small looks out of focus. */
export function enlarge(small: Canvas, factor: number, width: number, height: number): Canvas {
  const out = createCanvas(width, height);
  for (let y = 0; y < height; y++) {
    const v = Math.min(small.height - 1, Math.max(0, (y + 0.5) / factor - 0.5));
    const top = Math.floor(v);
    const rowA = top * small.width;
    const rowB = Math.min(small.height - 1, top + 1) * small.width;
    for (let x = 0; x < width; x++) {
      const u = Math.min(small.width - 1, Math.max(0, (x + 0.5) / factor - 0.5));
      const left = Math.floor(u);
      const right = Math.min(small.width - 1, left + 1);
      for (let c = 0; c < 3; c++) {
        const p = small.data[(rowA + left) * 3 + c];
        const q = small.data[(rowB + left) * 3 + c];
        const a = p + (small.data[(rowA + right) * 3 + c] - p) * (u - left);
        const b = q + (small.data[(rowB + right) * 3 + c] - q) * (u - left);
        out.data[(y * width + x) * 3 + c] = a + (b - a) * (v - top);
      }
    }
  }
  return out;
}
