import { gelu } from '../graph/ops/elementwise.ts';
import type { Tensor } from '../graph/tensor.ts';
import { conv, doubled } from '../nn/layers.ts';
import { groupNorm } from '../nn/norms.ts';
import type { Scope } from '../nn/scope.ts';
import type { Neck } from './types.ts';

/**
 * SimpleClick's pyramid on one map [B,C,h,w] (Liu et al. 2023, "SimpleClick: Interactive Image Segmentation with Simple
 * Vision Transformers", arXiv 2210.11006; after ViTDet's): two and one transposed convolutions, the map as it is, and a
 * 2x2 convolution of stride 2; each followed by 1x1, norm over all channels and pixels, GELU. Parameters are named as in
 * its code, where patches are 16 px.
 *
 * @param out channels of the maps [B,out[i],..] of sizes 4h x 4w, 2h x 2w, h x w, h/2 x w/2.
 */
export function simpleFpn(map: Tensor, scope: Scope, out: readonly [number, number, number, number]): Tensor[] {
  const c = map.shape[1];
  const norm = (x: Tensor, at: Scope) => groupNorm(x, at, 1);
  const project = (x: Tensor, at: Scope, first: number, channels: number) =>
    gelu(norm(conv(x, at.at(`${first}`), { out: channels, kernel: 1 }), at.at(`${first + 1}`)));

  const [four, eight, sixteen, thirtyTwo] = ['down_4', 'down_8', 'down_16', 'down_32'].map(name => scope.at(name));
  const inner = Math.max(2 * out[0], Math.floor(c / 2));
  const twice = gelu(norm(doubled(map, four.at('0'), inner), four.at('1')));
  const fourTimes = norm(doubled(twice, four.at('3'), Math.floor(inner / 2)), four.at('4'));
  const double = norm(doubled(map, eight.at('0'), Math.max(out[1], Math.floor(c / 2))), eight.at('1'));
  const half = norm(
    conv(map, thirtyTwo.at('0'), { out: Math.max(out[3], 2 * c), kernel: 2, stride: 2 }),
    thirtyTwo.at('1'),
  );
  return [
    project(fourTimes, four, 5, out[0]),
    project(double, eight, 2, out[1]),
    project(map, sixteen, 0, out[2]),
    project(half, thirtyTwo, 2, out[3]),
  ];
}

export const simpleFpnNeck: Neck = {
  name: 'simple-fpn',
  description: "SimpleClick's pyramid: transposed convolutions of the backbone's map (the paper's baseline)",
  source: 'Liu et al. 2023, arXiv 2210.11006; github.com/uncbiag/SimpleClick',
  usesUpsampler: false,
  coarsestCells: 2,
  maps: ({ grid }, scope, width) => simpleFpn(grid, scope, [width, 2 * width, 4 * width, 8 * width]),
};
