import { maximum } from '../graph/ops/elementwise.ts';
import { resample } from '../graph/ops/linear.ts';
import type { Matrix, Tensor } from '../graph/tensor.ts';

/** Adaptive max pooling of [B,C,H,W]: output i is the largest of inputs floor(i in/out) .. ceil((i+1) in/out) - 1. */
export function adaptiveMax(map: Tensor, [height, width]: readonly [number, number]): Tensor {
  const [h, w] = map.shape.slice(2);
  const rows = largest(picks(h, height).map(pick => resample(map, pick, undefined)));
  return largest(picks(w, width).map(pick => resample(rows, undefined, pick)));
}

const largest = (maps: readonly Tensor[]): Tensor => maps.reduce((best, map) => maximum(best, map));

/** Matrices that pick the first, second ... input of every output's range; of shorter ranges the last one again. */
function picks(size: number, out: number): (Matrix | undefined)[] {
  if (size === out) return [undefined];
  const ranges = Array.from({ length: out }, (_, i) => {
    const from = Math.floor((i * size) / out);
    return { from, last: Math.ceil(((i + 1) * size) / out) - 1 };
  });
  const longest = Math.max(...ranges.map(({ from, last }) => last - from + 1));
  return Array.from({ length: longest }, (_, k) => {
    const data = new Float32Array(out * size);
    for (const [i, { from, last }] of ranges.entries()) data[i * size + Math.min(from + k, last)] = 1;
    return { rows: out, cols: size, data };
  });
}
