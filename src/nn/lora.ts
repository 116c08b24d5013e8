import { expand, reshape } from '../graph/ops/basic.ts';
import { add, mul } from '../graph/ops/elementwise.ts';
import { concat, slice, transpose } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/linear.ts';
import { constant, type Tensor } from '../graph/tensor.ts';
import { uniformFanIn, zeros } from './initialisers.ts';
import type { Scope } from './scope.ts';

/** The projections of attention, in the order of the rows of `qkv`. */
const projections = ['q', 'k', 'v'] as const;

/** Low-rank adaptation of attention (LoRA; Hu et al. 2022, arXiv 2106.09685). */
export interface Lora {
  /** Which projections get an update of their own; the others stay as they are. */
  projections: readonly (typeof projections)[number][];
  /** Inner size of the update. */
  rank: number;
  /** The update counts alpha / rank times. */
  alpha: number;
}

/** How the rows of a `qkv.weight` are ordered. */
export interface QkvLayout {
  /**
   * Where q, k and v of a head stand together, head after head: channels of a head. By default all of q come first,
   * then all of k, then all of v.
   */
  headChannels?: number;
}

/**
 * A scope whose attention weights (parameters named `...attn.qkv.weight`) come with their low-rank updates added. The
 * network that reads from it needs no change, and once trained the updates cost nothing: they are added to the weights,
 * not to what goes through them.
 *
 * @param updates where the updates live: for `NAME.weight` of `scope`, `NAME.lora_A` and `NAME.lora_B`
 */
export function adapted(scope: Scope, updates: Scope, lora: Lora, layout: QkvLayout = {}): Scope {
  return scope.changed((name, weight) => {
    if (!/(^|\.)attn\.qkv\.weight$/.test(name)) return weight;
    return add(weight, qkvUpdate(weight.shape, updates.at(name.slice(0, -'.weight'.length)), lora, layout));
  });
}

/**
 * The update of a joint projection [3*C,in], zero for what is not adapted: alpha / rank times B A of each adapted
 * projection. Parameters as in loralib's `MergedLinear`: `lora_A` [rank*n,in] and `lora_B` [C*n,rank], those of the n
 * adapted projections one below the other. A starts at random and B at zero, so that nothing changes at first.
 */
export function qkvUpdate(
  [out, size]: readonly number[],
  scope: Scope,
  { projections: chosen, rank, alpha }: Lora,
  { headChannels }: QkvLayout = {},
): Tensor {
  const channels = out / 3;
  const a = scope.get('lora_A', [rank * chosen.length, size], uniformFanIn(size));
  const b = scope.get('lora_B', [channels * chosen.length, rank], zeros);
  const nothing = expand(constant(new Float32Array(1), [1, 1]), [channels, size]);
  let next = 0;
  const updates = projections.map(projection => {
    if (!chosen.includes(projection)) return nothing;
    const i = next++;
    return matmul(slice(b, 0, i * channels, channels), slice(a, 0, i * rank, rank));
  });
  const update = mul(concat(updates, 0), alpha / rank);
  if (headChannels === undefined) return update;
  const byHead = transpose(reshape(update, [3, channels / headChannels, headChannels, size]), [1, 0, 2, 3]);
  return reshape(byHead, [out, size]);
}
