import { createHash } from 'node:crypto';
import type { Grid, Target } from '../../../src/base/raster.ts';

/** Ground truth as the reference stores it: 1 object, 255 ignored, all else background. */
export function storedTarget({ h, w }: { h: number; w: number }, labels: Uint8Array): Target {
  return { width: w, height: h, data: Int8Array.from(labels, v => (v === 255 ? -1 : v === 1 ? 1 : 0)) };
}

export const sha256 = (data: Uint8Array | Int8Array): string => createHash('sha256').update(data).digest('hex');

/** How many pixels have a value. */
export function countOf({ data }: Grid<Int8Array | Uint8Array>, value: number): number {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i] === value) count++;
  return count;
}

export function maximum(values: ArrayLike<number>): number {
  let max = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > max) max = values[i];
  return max;
}

/** Values and lengths in turn, row-major. */
export function fromRuns(runs: readonly number[]): number[] {
  const out: number[] = [];
  for (let i = 0; i < runs.length; i += 2) for (let n = 0; n < runs[i + 1]; n++) out.push(runs[i]);
  return out;
}
