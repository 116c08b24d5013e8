import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { evaluate } from '../../test/support/run.ts';
import { gradient } from '../graph/gradient.ts';
import { reshape, sum } from '../graph/ops/basic.ts';
import { input } from '../graph/tensor.ts';
import { type FocalLossOptions, normalisedFocalLoss } from './loss.ts';

async function lossOf(logits: number[], target: number[], batch: number, options?: FocalLossOptions) {
  const shape = [batch, 1, 1, logits.length / batch];
  const pred = input('pred', shape, 'clicks');
  const loss = normalisedFocalLoss(pred, input('target', shape, 'clicks'), options);
  const [slope] = gradient(reshape(sum(loss, [0]), []), [pred]);
  return evaluate({ loss, slope }, { pred: Float32Array.from(logits), target: Float32Array.from(target) });
}

/** The definition, in double precision. */
function defined(logits: number[], target: number[], alpha: number): number {
  const valid = target.flatMap((label, i) => (label === -1 ? [] : [{ label, x: logits[i] }]));
  const pt = valid.map(({ label, x }) => (label === 1 ? 1 / (1 + Math.exp(-x)) : 1 / (1 + Math.exp(x))));
  const factor = valid.length / pt.reduce((total, p) => total + (1 - p) ** 2, 0);
  const terms = pt.map((p, i) => -(valid[i].label === 1 ? alpha : 1 - alpha) * factor * (1 - p) ** 2 * Math.log(p));
  return terms.reduce((total, term) => total + term, 0) / valid.length;
}

describe('normalisedFocalLoss', () => {
  const logits = [2, -1, 0.5, -3, 0, 1.5];
  const target = [1, 1, 0, 0, -1, 0];

  it.each([0.5, 0.2])('is its definition, alpha %d', async alpha => {
    const { loss } = await lossOf(logits, target, 1, { alpha, detachFactor: true });
    expectClose(loss, [defined(logits, target, alpha)], 1e-6, 'the loss');
  });

  it('is one value per image, whatever the others are', async () => {
    const { loss } = await lossOf([...logits, ...logits.map(x => -x)], [...target, ...target], 2);
    const other = logits.map(x => -x);
    expectClose(loss, [defined(logits, target, 0.5), defined(other, target, 0.5)], 1e-6, 'losses');
  });

  it('does not see ignored pixels', async () => {
    const changed = logits.map((x, i) => (target[i] === -1 ? 9 : x));
    const [one, other] = [await lossOf(logits, target, 1), await lossOf(changed, target, 1)];
    expect(one.loss).toEqual(other.loss);
    expect(Math.abs(one.slope[4])).toBe(0);
  });

  it.each([true, false])('is 0 with gradient 0 where all is ignored (factor detached: %s)', async detachFactor => {
    const { loss, slope } = await lossOf(logits, [-1, -1, -1, -1, -1, -1], 1, { alpha: 0.5, detachFactor });
    expect([...loss].map(Math.abs)).toEqual([0]);
    expect([...slope].map(Math.abs)).toEqual([0, 0, 0, 0, 0, 0]);
  });
});
