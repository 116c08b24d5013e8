import { simpleFpnNeck } from './simple-fpn.ts';
import type { Neck } from './types.ts';
import { upsamplerFpnNeck, wideUpsamplerFpnNeck } from './upsampler-fpn.ts';

/** Every neck of the multi-scale architecture. */
export const necks: readonly Neck[] = [simpleFpnNeck, upsamplerFpnNeck, wideUpsamplerFpnNeck];
