import { maximum } from '../../../graph/ops/elementwise.ts';
import { slice } from '../../../graph/ops/layout.ts';
import { resample } from '../../../graph/ops/linear.ts';
import { mean } from '../../../graph/ops/reduce.ts';
import type { Matrix, Tensor } from '../../../graph/tensor.ts';
import type { Importer, ImportTable } from '../node.ts';
import { padAxis, type Windows, windowsOf } from './padding.ts';
import { largest } from './reduction.ts';

/** Below every float32 of a network, but finite: differences with it stay numbers. */
const LOWEST = -3e38;

/** Places of a window along height and width; it begins in the map or in front of it. */
function places(x: Tensor, { kernel, strides, dilations, pads }: Windows, roundUp: boolean): number[] {
  return [0, 1].map(i => {
    const size = x.shape[2 + i] + pads[i] + pads[i + 2];
    const room = (size - dilations[i] * (kernel[i] - 1) - 1) / strides[i];
    if (!roundUp) return Math.floor(room) + 1;
    const count = Math.ceil(room) + 1;
    return (count - 1) * strides[i] >= x.shape[2 + i] + pads[i] ? count - 1 : count;
  });
}

/** The largest number of each window of a map [B,C,H,W]. */
export function maxPooled(x: Tensor, windows: Windows, roundUp = false): Tensor {
  const out = places(x, windows, roundUp);
  return [0, 1].reduce((map, i) => {
    const [step, gap, before] = [windows.strides[i], windows.dilations[i], windows.pads[i]];
    const needed = (out[i] - 1) * step + (windows.kernel[i] - 1) * gap + 1;
    const padded = padAxis(map, 2 + i, before, needed - before - x.shape[2 + i], 'constant', LOWEST);
    const taps = Array.from({ length: windows.kernel[i] }, (_, k) => slice(padded, 2 + i, k * gap, out[i], step));
    return taps.reduce((best, tap) => maximum(best, tap));
  }, x);
}

/** The mean of each window of a map [B,C,H,W]: of what it has of the map, or with the zeros around that. */
export function averagePooled(x: Tensor, windows: Windows, roundUp = false, countPads = false): Tensor {
  const out = places(x, windows, roundUp);
  const [vertical, horizontal] = [0, 1].map((i): Matrix => {
    const [rows, cols] = [out[i], x.shape[2 + i]];
    const data = new Float32Array(rows * cols);
    for (let row = 0; row < rows; row++) {
      const first = row * windows.strides[i] - windows.pads[i];
      const taps = Array.from({ length: windows.kernel[i] }, (_, k) => first + k * windows.dilations[i]);
      const inside = taps.filter(at => at >= 0 && at < cols);
      const counted = countPads ? taps.filter(at => at < cols + windows.pads[i + 2]) : inside;
      for (const at of inside) data[row * cols + at] = 1 / counted.length;
    }
    return { rows, cols, data };
  });
  return resample(x, vertical, horizontal);
}

const maxPool: Importer = node => {
  const x = node.tensor(0);
  node.int('storage_order', 0);
  return maxPooled(x, windowsOf(node, x, undefined), node.flag('ceil_mode'));
};

const averagePool: Importer = node => {
  const x = node.tensor(0);
  return averagePooled(x, windowsOf(node, x, undefined), node.flag('ceil_mode'), node.flag('count_include_pad'));
};

const spatial = (x: Tensor): number[] => x.shape.flatMap((_, axis) => (axis < 2 ? [] : [axis]));

/** Pools of maps [B,C,H,W]. */
export const pools: ImportTable = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: node => mean(node.tensor(0), spatial(node.tensor(0))),
  GlobalMaxPool: node => largest(node.tensor(0), spatial(node.tensor(0))),
};
