import { defineOp } from '../op.ts';
import type { Shape, Tensor } from '../tensor.ts';
import { reshape } from './basic.ts';
import { add } from './elementwise.ts';
import { slice, transpose, unslice } from './layout.ts';

/** Square windows of `side` cells, a new one every `step` cells down and across. */
interface Grid extends Record<string, number> {
  side: number;
  step: number;
}

const windowsOp = defineOp<Grid>('windows', {
  shape([x], { side, step }, fail) {
    if (x.length !== 4 || side < 1 || step < 1) fail(`${side} cells every ${step} of rows, columns and channels`);
    const [b, h, w, c] = x;
    const [down, across] = [h, w].map(cells => (cells - side) / step + 1);
    if (![down, across].every(n => Number.isInteger(n) && n >= 1))
      fail(`windows of ${side} every ${step} leave a rest`);
    return [b, down, across, side * side, c];
  },
  gradient: (dy, { inputs: [x], attributes }) => [overlapAdded(dy, x.shape, attributes)],
  lower(emit, [x], { inputs, shape, attributes: { side, step } }) {
    const [b, h, w, c] = inputs[0].shape;
    const [, down, across] = shape;
    // neighbours that all windows have or lack together are copied as one
    const run = commonDivisor(side, step);
    const [runs, perRow] = [side / run, w / run];
    const from: number[] = [];
    for (let row = 0; row < down; row++) {
      for (let column = 0; column < across; column++) {
        for (let y = 0; y < side; y++) {
          const first = (row * step + y) * perRow + (column * step) / run;
          for (let i = 0; i < runs; i++) from.push(first + i);
        }
      }
    }
    const cells = emit.reshape(x, [b, h * perRow, run * c]);
    return emit.reshape(emit.node('Gather', [cells, emit.int64(from)], { axis: 1 }), shape);
  },
});

/**
 * All windows of a map that lies cell by cell, [B,h,w,C] -> [B, down, across, side*side, C]. They overlap where `side` is
 * more than `step`, and must fill the map.
 */
export function windows(x: Tensor, side: number, step: number): Tensor {
  return windowsOp([x], { side, step });
}

/** The adjoint of `windows`: what every cell is given by the windows that see it, added up. */
function overlapAdded(x: Tensor, [b, h, w, c]: Shape, { side, step }: Grid): Tensor {
  const [, down, across] = x.shape;
  const run = commonDivisor(side, step);
  const [runs, every] = [side / run, step / run];
  // windows along axis 1, of each the runs of cells along axis 2
  const added = (windows: Tensor, size: number): Tensor => {
    const [n, places, , inner] = windows.shape;
    return Array.from({ length: runs }, (_, i) => {
      const part = reshape(slice(windows, 2, i, 1), [n, places, inner]);
      return unslice(part, 1, i, every, size);
    }).reduce((sum, part) => add(sum, part));
  };
  const byRow = transpose(reshape(x, [b, down, across, runs, run * side * c]), [0, 1, 3, 2, 4]);
  const rows = added(reshape(byRow, [b, down, runs, across * run * side * c]), h / run);
  const byColumn = transpose(reshape(rows, [b, h / run, across, run, side * c]), [0, 1, 3, 2, 4]);
  return reshape(added(reshape(byColumn, [b * h, across, runs, run * c]), w / run), [b, h, w, c]);
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
