import { segFormer } from '../../../src/heads/segformer.ts';
import { simpleFpn } from '../../../src/necks/simple-fpn.ts';
import type { Builder } from './check.ts';

const DOUBLINGS: Readonly<Record<string, number>> = { x1: 0, x2: 1, x4: 2 };

/** SimpleClick's pyramid and head; `channels` are those of the last map, which each doubling halves. */
export const pyramidCase: Builder = ({ config, input, weights }) => {
  const { out_dims, channels, upsample } = config as {
    out_dims: [number, number, number, number];
    channels: number;
    upsample: string;
  };
  const doublings = DOUBLINGS[upsample];
  if (doublings === undefined) throw new Error(`no head that enlarges by ${upsample}`);
  const maps = simpleFpn(input('x'), weights.at('neck'), out_dims);
  const [scale4, scale8, scale16, scale32] = maps;
  const logits = segFormer(maps, weights.at('head'), channels * 2 ** doublings, { norm: false, doublings });
  return { logits, scale4, scale8, scale16, scale32 };
};
