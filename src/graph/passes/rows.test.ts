import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/support/close.ts';
import { randomFeeds } from '../../../test/support/passes.ts';
import { heldAtOnce } from '../../../test/support/peak.ts';
import { evaluate } from '../../../test/support/run.ts';
import { reshape } from '../ops/basic.ts';
import { conv2d } from '../ops/conv.ts';
import { concat, slice } from '../ops/layout.ts';
import { matmul } from '../ops/linear.ts';
import { input, type Tensor } from '../tensor.ts';
import { winograd } from './winograd.ts';

const [CHANNELS, HEIGHT, WIDTH] = [16, 96, 8];
const MAP = 4 * CHANNELS * HEIGHT * WIDTH;

/** A map of pieces, each made of a row of cells, then two convolutions of 5x5 and one of 1x1 to a single channel. */
function example(): Tensor {
  const [cells, pieceRows] = [6, HEIGHT / 6];
  const features = input('features', [1, CHANNELS, cells, 8], 'clicks');
  const weights = input('weights', [cells, 8, pieceRows * WIDTH], 'image');
  const pieces = Array.from({ length: cells }, (_, i) => {
    const row = reshape(slice(features, 2, i, 1), [1, CHANNELS, 8]);
    return reshape(matmul(row, slice(weights, 0, i, 1)), [1, CHANNELS, pieceRows, WIDTH]);
  });
  const weight = (name: string, out: number, side: number) => input(name, [out, CHANNELS, side, side], 'frozen');
  const five = (x: Tensor, name: string) => conv2d(x, weight(name, CHANNELS, 5), undefined, { pads: [2, 2, 2, 2] });
  return conv2d(five(five(concat(pieces, 2), 'first'), 'second'), weight('third', 1, 1));
}

describe('maps made in bands of rows', () => {
  // bands of four rows: four of them see the same piece
  const whole = example();
  const [banded] = winograd([whole], { bandBytes: MAP / 72, keepBytes: MAP / 20, forGradient: false });

  it.each(['first', 'last'] as const)('no more than some bands are held at once: %s inputs first', order => {
    expect(heldAtOnce([whole], order)).toBe(2 * MAP);
    expect(heldAtOnce([banded], order)).toBeLessThan(0.75 * MAP);
  });

  it('give what the whole map gives', async () => {
    const found = await evaluate({ whole, banded }, randomFeeds([whole, banded]), { forGradient: false });
    expectClose(found.banded, found.whole, 1e-5, 'the output');
  });
});
