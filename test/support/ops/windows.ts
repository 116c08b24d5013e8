import { windows } from '../../../src/graph/ops/windows.ts';
import type { Shape } from '../../../src/graph/tensor.ts';
import { at, tabulate } from '../nd.ts';
import type { OpCase, OpCases } from '../op-cases.ts';

const cutOut = (shape: Shape, side: number, step: number): OpCase => ({
  title: `[${shape}], ${side} cells every ${step}`,
  shapes: [shape],
  build: x => windows(x, side, step),
  reference: x => {
    const [b, h, w, c] = shape;
    const [down, across] = [h, w].map(cells => (cells - side) / step + 1);
    return tabulate([b, down, across, side * side, c], ([n, row, column, i, channel]) =>
      at(x, [n, row * step + Math.floor(i / side), column * step + (i % side), channel]),
    );
  },
});

export const windowsCases: OpCases = {
  windows: [
    cutOut([1, 3, 4, 2], 3, 1),
    cutOut([2, 6, 8, 3], 4, 2),
    // cells that are no multiple of the step, and gaps between windows
    cutOut([1, 5, 7, 2], 3, 2),
    cutOut([2, 6, 2, 1], 2, 4),
    cutOut([1, 10, 6, 2], 6, 4),
  ],
};
