import { reshape } from '../graph/ops/basic.ts';
import { conv2d } from '../graph/ops/conv.ts';
import { add, gelu, relu } from '../graph/ops/elementwise.ts';
import { slice } from '../graph/ops/layout.ts';
import type { Tensor } from '../graph/tensor.ts';
import { uniformFanIn } from '../nn/initialisers.ts';
import { conv, doubled } from '../nn/layers.ts';
import { groupNorm } from '../nn/norms.ts';
import type { Scope } from '../nn/scope.ts';
import { sizeOf, toSize } from '../nn/to-size.ts';
import type { Head } from './types.ts';

interface SegFormerOptions {
  /** Norm after the fusing convolution: in SegFormer, not in SimpleClick. */
  norm: boolean;
  /** How often the fused map is doubled by a transposed convolution, its channels halved (SimpleClick's x2 and x4). */
  doublings: number;
}

/**
 * SegFormer's decoder (Xie et al. 2021, arXiv 2105.15203) as SimpleClick has it (Liu et al. 2023, arXiv 2210.11006):
 * every map through 1x1 to `width` channels and ReLU, bilinearly (corners not aligned) to the size of the first,
 * concatenated, 1x1 to `width` and ReLU, classified. Parameters are named as in SimpleClick.
 *
 * @param maps [B,Ci,hi,wi], from fine to coarse.
 * @returns logits [B,1,h,w] of the first map's size times 2^doublings.
 */
export function segFormer(
  maps: readonly Tensor[],
  scope: Scope,
  width: number,
  { norm, doublings }: SegFormerOptions,
): Tensor {
  const size = sizeOf(maps[0]);
  const same = maps.map((map, i) => {
    const y = relu(conv(map, scope.at(`convs.${i}.conv`), { out: width, kernel: 1 }));
    return toSize(y, size, { alignCorners: false });
  });
  const fusion = scope.at('fusion_conv');
  const fused = mixed(same, fusion.at('conv'), width);
  let y = relu(norm ? groupNorm(fused, fusion.at('norm'), 1) : fused);
  for (let i = 1; i <= doublings; i++) {
    const [up, out] = [scope.at(`up_conv${i}`), y.shape[1] / 2];
    const raised = groupNorm(doubled(y, up.at('0'), out), up.at('1'), 1);
    y = gelu(groupNorm(conv(raised, up.at('2'), { out, kernel: 1 }), up.at('3'), 1));
  }
  return conv(y, scope.at('conv_seg'), { out: 1, kernel: 1 });
}

/**
 * A 1x1 convolution of concatenated maps, as the sum of each map's share of the kernel: the concatenation, the largest
 * map of all, is never made, and each share can be moved below the resize in front of it.
 */
function mixed(maps: readonly Tensor[], scope: Scope, out: number): Tensor {
  const channels = maps.reduce((total, map) => total + map.shape[1], 0);
  const initialise = uniformFanIn(channels);
  const weight = scope.get('weight', [out, channels, 1, 1], initialise);
  let at = 0;
  const shares = maps.map(map => {
    const share = slice(weight, 1, at, map.shape[1]);
    at += map.shape[1];
    return conv2d(map, share);
  });
  const bias = reshape(scope.get('bias', [out], initialise), [1, out, 1, 1]);
  return add(
    shares.reduce((sum, share) => add(sum, share)),
    bias,
  );
}

/** All pixels of the maps are mixed bilinearly of two of theirs at most; doublings do not look further. */
const receptiveField: Head['receptiveField'] = ({ pixel, coarsest = pixel }) =>
  coarsest > pixel ? 2 * coarsest : pixel;

const entry = (name: string, description: string, options: SegFormerOptions): Head => ({
  name,
  description,
  multiScale: true,
  receptiveField,
  logits: (finest, scope, width, { coarser } = { grid: finest, coarser: [] }) =>
    segFormer([finest, ...coarser], scope, width, options),
});

const simpleClick = "SimpleClick's form of segformer, without norm";

export const segFormerHeads: readonly Head[] = [
  entry('segformer', 'every map 1x1, resized, fused by 1x1 with norm and ReLU, classified (multi-scale)', {
    norm: true,
    doublings: 0,
  }),
  entry('simpleclick', simpleClick, { norm: false, doublings: 0 }),
  entry('simpleclick-x2', `${simpleClick}, the fused map doubled once`, { norm: false, doublings: 1 }),
  entry('simpleclick-x4', `${simpleClick}, the fused map doubled twice`, { norm: false, doublings: 2 }),
];
