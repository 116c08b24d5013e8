import type { Shape } from '../graph/tensor.ts';
import type { Parameter } from '../nn/scope.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import { OWN } from './graph.ts';

/** What a file of a trained upsampler says of itself. */
export interface UpsamplerFacts {
  /** Name in the registry of upsamplers. */
  upsampler: string;
  stage: number;
  backbone: string;
  channels: number;
  /** What features are multiplied by before the upsampler sees them. */
  featureScale: number;
  steps: number;
  /** Version of clickprobe. */
  version: string;
}

/** Writes the upsampler's parameters by the names of its authors' checkpoints, atomically; `readUpsamplerWeights` reads it. */
export function writeUpsampler(
  path: string,
  parameters: ReadonlyMap<string, Parameter>,
  values: ReadonlyMap<string, Float32Array>,
  { upsampler, backbone, channels, stage, featureScale, steps, version }: UpsamplerFacts,
): void {
  const tensors = new Map<string, { shape: Shape; data: Float32Array }>();
  for (const [name, { shape }] of parameters) {
    if (name.startsWith(OWN)) tensors.set(name.slice(OWN.length), { shape, data: values.get(name)! });
  }
  // what `readUpsamplerWeights` looks at
  const trainedFor = { method: upsampler, backbone, channels: String(channels) };
  const more = { stage: String(stage), featureScale: String(featureScale), steps: String(steps), clickprobe: version };
  writeSafetensors(path, tensors, { ...trainedFor, ...more });
}
