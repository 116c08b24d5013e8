import { relu } from '../graph/ops/elementwise.ts';
import { concat } from '../graph/ops/layout.ts';
import type { Tensor } from '../graph/tensor.ts';
import { channelNorm, conv } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';
import { scaledColours, waves } from './loftup.ts';

interface ImplicitOptions {
  /** Of the features, which are projected to their first principal components; 128 by default. */
  channels?: number;
  /** Waves per coordinate; 30 by default. */
  frequencies?: number;
}

/**
 * FeatUp's implicit upsampler (Fu et al. 2024, arXiv 2403.10516, section 3.3): features of a picture as a function of
 * place and colour, two 1x1 convolutions wide. Its weights belong to one picture: they are fitted to the backbone's
 * features of thousands of shifted and enlarged views of it. It sees no features itself, so it cannot show a probe's
 * clicks and is no entry of the registry. Parameters are named as in its repository; dropout off.
 *
 * @param image [B,3,H,W].
 * @returns [B,channels,H,W].
 */
export function featUpImplicit(
  image: Tensor,
  scope: Scope,
  { channels = 128, frequencies = 30 }: ImplicitOptions = {},
): Tensor {
  const colours = scaledColours(image, false);
  const phases = scope.at('1').get('biases', [2, 5, frequencies]);
  const seen = concat([...waves(colours.shape, frequencies, phases, colours), colours], 1);
  const layer = (x: Tensor, name: string) => conv(x, scope.at(name), { out: channels, kernel: 1 });
  const first = relu(layer(channelNorm(seen, scope.at('2.norm'), 1e-5), '4'));
  return layer(relu(layer(channelNorm(first, scope.at('7.norm'), 1e-5), '8')), '10');
}
