import { type Canvas, darken, eachPixel } from './canvas.ts';
import type { Rgb } from './color.ts';
import { type Affine, type Bounds, boundsOf, transform } from './contour.ts';
import { blur, coverageOf, type Patch } from './coverage.ts';
import type { Part } from './figure.ts';

/** One distant light: the unit vector towards it (x right, y down, z to the viewer), and what shadows are left with. */
export interface Light {
  direction: readonly [number, number, number];
  ambient: number;
  shade: Rgb;
}

/** An object at its place on the picture, not yet coloured. */
export interface Cutout {
  place: Affine;
  pieces: { part: Part; coverage: Patch }[];
  /** Coverage of the whole object. */
  alpha: Patch;
}

/** Scans the parts of an object into pixels; `place` takes the parts' units to pixels. */
export function cut(parts: readonly Part[], place: Affine): Cutout {
  const pieces = parts.map(part => ({ part, coverage: coverageOf(part.contours.map(c => transform(c, place))) }));
  const left = Math.min(...pieces.map(p => p.coverage.left));
  const top = Math.min(...pieces.map(p => p.coverage.top));
  const width = Math.max(...pieces.map(p => p.coverage.left + p.coverage.width)) - left;
  const height = Math.max(...pieces.map(p => p.coverage.top + p.coverage.height)) - top;
  const data = new Float32Array(width * height);
  for (const { coverage } of pieces) {
    for (let y = 0; y < coverage.height; y++) {
      let at = (y + coverage.top - top) * width + coverage.left - left;
      for (let i = y * coverage.width; i < (y + 1) * coverage.width; i++, at++) {
        data[at] += coverage.data[i] * (1 - data[at]);
      }
    }
  }
  return { place, pieces, alpha: { left, top, width, height, data } };
}

/** Colours, shades and composes the object over the canvas. */
export function paint(canvas: Canvas, { place, pieces, alpha }: Cutout, light: Light): void {
  const layer = new Float32Array(alpha.data.length * 3);
  for (const piece of pieces) paintPiece(layer, alpha, canvas, piece.part, piece.coverage, place, light);
  eachPixel(canvas, alpha, (at, i) => {
    for (let c = 0; c < 3; c++) {
      canvas.data[at + c] = canvas.data[at + c] * (1 - alpha.data[i]) + layer[i * 3 + c];
    }
  });
}

/** Over-composes one part onto the object's layer (premultiplied colours on the window of `frame`). */
function paintPiece(
  layer: Float32Array,
  frame: Patch,
  canvas: Canvas,
  part: Part,
  coverage: Patch,
  [a, b, c, d, e, f]: Affine,
  light: Light,
): void {
  const det = a * d - b * c;
  const scale = Math.sqrt(Math.abs(det));
  const { texture, gloss } = part.surface;
  const normal = normals(part, coverage, [a, b, c, d, e, f]);
  const [lx, ly, lz] = light.direction;
  const half = Math.sqrt(2 + 2 * lz);
  const n = new Float64Array(3);
  const colour = new Float32Array(3);
  eachPixel(canvas, coverage, (at, i) => {
    const px = (at / 3) % canvas.width;
    const py = (at / 3 - px) / canvas.width;
    const dx = px + 0.5 - e;
    const dy = py + 0.5 - f;
    const u = (d * dx - c * dy) / det;
    const v = (a * dy - b * dx) / det;
    texture(u * scale, v * scale, colour);
    normal(i, u, v, n);
    const facing = Math.max(0, n[0] * lx + n[1] * ly + n[2] * lz);
    const lit = light.ambient + ((1 - light.ambient) * facing) / lz;
    const mirror = ((facing + n[2]) / half - 0.93) / 0.07;
    const shine = gloss > 0 && mirror > 0 ? gloss * 0.7 * mirror * mirror * mirror : 0;
    const cover = coverage.data[i];
    const to = ((py - frame.top) * frame.width + px - frame.left) * 3;
    for (let k = 0; k < 3; k++) {
      layer[to + k] = layer[to + k] * (1 - cover) + (colour[k] * lit + shine) * cover;
    }
  });
}

/** Writes the unit normal at pixel `i` of the part's window; `u`, `v` are its place in the parts' units. */
type Normals = (i: number, u: number, v: number, out: Float64Array) => void;

function normals(part: Part, coverage: Patch, place: Affine): Normals {
  if (part.form === 'flat') {
    return (_i, _u, _v, out) => {
      out[0] = 0;
      out[1] = 0;
      out[2] = 1;
    };
  }
  return part.form === 'round' ? cushion(coverage) : solid(boundsOf(part.contours), part.form === 'ball', place);
}

function solid(bounds: Bounds, ball: boolean, [a, b, c, d]: Affine): Normals {
  const cx = (bounds.left + bounds.right) / 2;
  const cy = (bounds.top + bounds.bottom) / 2;
  const rx = (bounds.right - bounds.left) / 2;
  const ry = (bounds.bottom - bounds.top) / 2;
  const scale = Math.sqrt(Math.abs(a * d - b * c));
  return (_i, u, v, out) => {
    let x = (u - cx) / rx;
    let y = ball ? (v - cy) / ry : 0;
    const length = Math.hypot(x, y);
    const limit = length > 0.92 ? 0.92 / length : 1;
    x *= limit;
    y *= limit;
    out[0] = (a * x + c * y) / scale;
    out[1] = (b * x + d * y) / scale;
    out[2] = Math.sqrt(1 - x * x - y * y);
  };
}

/** The slope of the blurred silhouette: steep at the border, level inside, without creases. */
function cushion(coverage: Patch): Normals {
  let area = 0;
  let border = 1;
  for (const v of coverage.data) {
    area += v;
    if (v > 0 && v < 1) border++;
  }
  const radius = Math.min(coverage.width / 6, Math.max(1, Math.round(0.55 * (area / border))));
  const soft = blur(coverage, radius);
  const inset = coverage.left - soft.left;
  const steep = -1.3 * Math.max(1, radius);
  return (i, _u, _v, out) => {
    const row = Math.floor(i / coverage.width);
    const at = (row + inset) * soft.width + (i - row * coverage.width) + inset;
    const x = steep * (soft.data[at + 1] - soft.data[at - 1]);
    const y = steep * (soft.data[at + soft.width] - soft.data[at - soft.width]);
    const z = 1 / Math.sqrt(1 + x * x + y * y);
    out[0] = x * z;
    out[1] = y * z;
    out[2] = z;
  };
}

/** The shadow of something that lies on what it darkens, moved away from the light by `lift` pixels. */
export function dropShadow(canvas: Canvas, { alpha }: Cutout, light: Light, lift: number): void {
  const [x, y, z] = light.direction;
  const shadow = blur(alpha, lift * 0.5);
  shadow.left -= Math.round((lift * x) / z);
  shadow.top -= Math.round((lift * y) / z);
  darken(canvas, shadow, light.shade);
}

/** The shadow of something upright, laid on the ground from its lowest row: sheared sideways and flattened. */
export function castShadow(canvas: Canvas, { alpha }: Cutout, light: Light, softness: number): void {
  const lean = -light.direction[0] * 0.9;
  darken(canvas, blur(lay(alpha, lean, 0.28), softness), light.shade);
  const contact: Rgb = [0.5, 0.5, 0.52];
  darken(canvas, blur(lay(alpha, lean * 0.1, 0.07), softness * 0.7), contact);
}

function lay(alpha: Patch, lean: number, flat: number): Patch {
  const reach = Math.ceil(Math.abs(lean) * alpha.height);
  const width = alpha.width + reach;
  const height = Math.max(2, Math.ceil(alpha.height * flat));
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const above = (height - 1 - y) / flat;
    const row = Math.max(0, Math.round(alpha.height - 1 - above));
    const offset = Math.round(lean * above) + (lean < 0 ? reach : 0);
    for (let x = 0; x < alpha.width; x++) {
      const to = x + offset;
      if (to >= 0 && to < width) data[y * width + to] = alpha.data[row * alpha.width + x];
    }
  }
  const left = alpha.left - (lean < 0 ? reach : 0);
  return { left, top: alpha.top + alpha.height - height, width, height, data };
}
