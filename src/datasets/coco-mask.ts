import { UserError } from '../base/errors.ts';
import type { Target } from '../base/raster.ts';

/**
 * COCO's ways to write a region: polygons [x0, y0, x1, y1, ...] in pixels whose union it is, or run
 * lengths (background first, column by column), as numbers or as COCO's compressed text.
 */
export type Segmentation = number[][] | { counts: number[] | string; size: number[] };

/** Upsampling of the polygon's boundary before it is sampled at pixel centres. */
const scale = 5;
/** In pixels; keeps a damaged file from costing endless time. */
const maxCoordinate = 1e5;

/**
 * Sets the pixels of a region to `value`; pixel for pixel the region of the COCO API (`rleFrPoly`).
 *
 * @param where names the region in messages
 * @throws UserError where the segmentation is malformed or of another size than `target`
 */
export function paintSegmentation(segmentation: Segmentation, target: Target, value: number, where: string): void {
  if (Array.isArray(segmentation)) {
    for (const polygon of segmentation) {
      checkPolygon(polygon, where);
      paintRuns(polygonRuns(polygon, target.width, target.height), target, value);
    }
    return;
  }
  const { counts, size } = segmentation;
  const { width, height } = target;
  if (size?.[0] !== height || size[1] !== width) {
    throw malformed(where, `run lengths for an image of size ${JSON.stringify(size)}, expected [${height},${width}]`);
  }
  const runs = typeof counts === 'string' ? parseCounts(counts, where) : counts;
  let total = 0;
  for (const run of runs) {
    if (!Number.isInteger(run) || run < 0) throw malformed(where, `a run length of ${run}`);
    total += run;
  }
  if (total !== width * height) {
    throw malformed(where, `run lengths that cover ${total} pixels, expected ${width * height}`);
  }
  paintRuns(runs, target, value);
}

/** `runs`: lengths of background and object in turn, column by column; an object run may be the last. */
function paintRuns(runs: ArrayLike<number>, { width, height, data }: Target, value: number): void {
  for (let i = 1, at = runs[0]; i < runs.length; i += 2) {
    const end = at + runs[i];
    let x = Math.floor(at / height);
    let y = at - x * height;
    for (; at < end; at++) {
      data[y * width + x] = value;
      if (++y === height) {
        y = 0;
        x++;
      }
    }
    at += runs[i + 1];
  }
}

/**
 * Run lengths of a polygon. Its boundary, on a grid five times finer, is cut with the centre line of
 * every pixel column; going down a column, each cut switches between outside and inside. The rounding
 * (truncation after adding .5, the upper of the two fine rows beside a cut) is COCO's and decides
 * which border pixels belong to the region.
 */
function polygonRuns(polygon: number[], width: number, height: number): Uint32Array {
  const points = polygon.map(value => Math.trunc(scale * value + 0.5));
  const cuts: number[] = [];
  const half = (scale - 1) / 2;
  // between fine columns `left` and `left + 1`, the upper of the fine rows being `row`
  const cut = (left: number, row: number) => {
    const x = (left - half) / scale;
    if (!Number.isInteger(x) || x < 0 || x >= width) return;
    cuts.push(x * height + Math.min(Math.max(Math.ceil((row - half) / scale), 0), height));
  };
  for (let i = 0; i < points.length; i += 2) {
    const j = (i + 2) % points.length;
    walkEdge(points[i], points[i + 1], points[j], points[j + 1], cut);
  }

  const runs = Uint32Array.from(cuts).sort();
  for (let i = runs.length - 1; i > 0; i--) runs[i] -= runs[i - 1];
  if (runs.length % 2 === 0) return runs;
  // an odd number of cuts leaves the last run open: it goes on to the last pixel
  const last = cuts.reduce((a, b) => Math.max(a, b), 0);
  return Uint32Array.of(...runs, width * height - last);
}

/** Reports every step of an edge from one fine column to the next. */
function walkEdge(x0: number, y0: number, x1: number, y1: number, cut: (left: number, row: number) => void): void {
  const dx = Math.abs(x1 - x0);
  const dy = Math.abs(y1 - y0);
  if (dx >= dy) {
    const [left, top, bottom] = x0 <= x1 ? [x0, y0, y1] : [x1, y1, y0];
    const slope = (bottom - top) / dx;
    let row = top;
    for (let t = 0; t < dx; t++) {
      const next = Math.trunc(top + slope * (t + 1) + 0.5);
      cut(left + t, Math.min(row, next));
      row = next;
    }
  } else {
    const [top, left, right] = y0 <= y1 ? [y0, x0, x1] : [y1, x1, x0];
    const slope = (right - left) / dy;
    let column = left;
    for (let t = 0; t < dy; t++) {
      const next = Math.trunc(left + slope * (t + 1) + 0.5);
      if (next !== column) cut(Math.min(column, next), top + t);
      column = next;
    }
  }
}

/**
 * COCO's compressed text: run lengths, from the fourth on as difference to the one two before, in
 * groups of five bits (lowest first, the sixth bit says that more follow, sign in the last), plus 48.
 */
function parseCounts(text: string, where: string): number[] {
  const counts: number[] = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let shift = 0;
    let group: number;
    do {
      group = text.charCodeAt(at++) - 48;
      if (!(group >= 0 && group < 64)) throw malformed(where, 'run lengths that are not compressed text of COCO');
      value += (group & 31) * 2 ** shift;
      shift += 5;
    } while (group & 32);
    if (group & 16) value -= 2 ** shift;
    counts.push(counts.length > 2 ? value + counts[counts.length - 2] : value);
  }
  return counts;
}

function checkPolygon(polygon: number[], where: string): void {
  if (!Array.isArray(polygon) || polygon.length < 6 || polygon.length % 2 !== 0) {
    throw malformed(where, `a polygon of ${polygon?.length} numbers, expected x and y of at least 3 points`);
  }
  for (const value of polygon) {
    if (typeof value !== 'number' || Math.abs(value) > maxCoordinate)
      throw malformed(where, `a polygon with the coordinate ${value}`);
  }
}

function malformed(where: string, what: string): UserError {
  return new UserError(`${where} has ${what}. Repair or remove it`);
}
