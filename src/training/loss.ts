import { reshape, sum } from '../graph/ops/basic.ts';
import {
  abs,
  add,
  detach,
  div,
  log,
  minimum,
  mul,
  neg,
  sigmoid,
  sub,
  wherePositive,
} from '../graph/ops/elementwise.ts';
import type { Tensor } from '../graph/tensor.ts';

export interface FocalLossOptions {
  alpha: number;
  /** Stop the gradient through the normalising factor (the reference's default). */
  detachFactor: boolean;
}

const EPSILON = 1e-12;

/**
 * Normalised focal loss with gamma 2 (Sofiiuk et al. 2019; `../docs/protocol.md`), one value per image: [B].
 *
 * @param logits [B,1,H,W]
 * @param target [B,1,H,W]: 1 object, 0 background, -1 ignored
 */
export function normalisedFocalLoss(
  logits: Tensor,
  target: Tensor,
  { alpha, detachFactor }: FocalLossOptions = { alpha: 0.5, detachFactor: true },
): Tensor {
  const pixels = [1, 2, 3];
  const valid = wherePositive(add(target, 0.5), 1);
  // 1 - pt, which is 0 on ignored pixels
  const miss = mul(abs(sub(target, sigmoid(logits))), valid);
  const beta = mul(miss, miss);
  const validCount = sum(valid, pixels);
  const factor = div(validCount, add(sum(beta, pixels), EPSILON));
  const weight = mul(beta, detachFactor ? detach(factor) : factor);
  const balance = add(wherePositive(sub(target, 0.5), 2 * alpha - 1), 1 - alpha);
  const entropy = neg(log(minimum(add(sub(1, miss), EPSILON), 1)));
  const total = sum(mul(mul(mul(balance, weight), entropy), valid), pixels);
  return reshape(div(total, add(validCount, EPSILON)), [logits.shape[0]]);
}
