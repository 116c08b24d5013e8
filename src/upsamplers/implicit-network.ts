import { relu } from '../graph/ops/elementwise.ts';
import { concat } from '../graph/ops/layout.ts';
import type { Tensor } from '../graph/tensor.ts';
import { normal } from '../nn/initialisers.ts';
import { channelNorm, conv } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';
import { type WaveOptions, waves } from './loftup.ts';

export interface ImplicitOptions extends WaveOptions {
  /** Of both layers; FeatUp's has 128. */
  channels: number;
  /** Waves per coordinate; FeatUp's has 30. */
  frequencies: number;
}

/**
 * The hidden layers of FeatUp's implicit network (Fu et al. 2024, arXiv 2403.10516, section 3.3), a function of place and
 * colour: two 1x1 convolutions, of which a last one makes features. Parameters are named as in its repository; dropout
 * off.
 *
 * @param colours [B,3,H,W], each channel's range brought to -.5 .. .5 (`scaledColours`).
 * @returns [B,channels,H,W], from 0 up.
 */
export function implicitNetwork(
  colours: Tensor,
  scope: Scope,
  { channels, frequencies, ...options }: ImplicitOptions,
): Tensor {
  const layer = (x: Tensor, name: string) => relu(conv(x, scope.at(name), { out: channels, kernel: 1 }));
  const phases = scope.at('1').get('biases', [2, 5, frequencies], normal);
  const seen = concat([...waves(colours.shape, frequencies, phases, colours, options), colours], 1);
  const first = layer(channelNorm(seen, scope.at('2.norm'), 1e-5), '4');
  return layer(channelNorm(first, scope.at('7.norm'), 1e-5), '8');
}
