import { z } from 'zod';
import { IMAGENET } from '../../nn/imagenet.ts';

const positive = z.number().positive();
const numbers = z.tuple([z.number(), z.number(), z.number()]);

/** How an ONNX file is used as a backbone; see docs/onnx-backbones.md. */
export const onnxSchema = z.strictObject({
  /** Name of the image input; null: the only one that takes an image. */
  input: z.string().min(1).nullable(),
  /** Name of any value of the graph; null: the first output that holds features. */
  output: z.string().min(1).nullable(),
  /** How features lie: found; a map [b,C,h,w]; a map [b,h,w,C]; tokens after so many others. */
  tokens: z.union([z.enum(['auto', 'map', 'map-last']), z.int().min(0)]),
  /** What the model subtracts from and divides RGB in 0..1 by. */
  mean: numbers,
  std: z.tuple([positive, positive, positive]),
  /** Node or value that early clicks are added to; auto: see docs/onnx-backbones.md. */
  early: z.string().min(1),
  /** What maps of early clicks are multiplied by. */
  clickGain: positive,
  /** What features are multiplied by; auto: so that their standard deviation is about 1. */
  scale: z.union([z.literal('auto'), positive]),
});

export type OnnxOptions = z.infer<typeof onnxSchema>;

export const onnxDefaults: OnnxOptions = {
  input: null,
  output: null,
  tokens: 'auto',
  mean: [...IMAGENET.mean],
  std: [...IMAGENET.std],
  early: 'auto',
  clickGain: 1,
  scale: 'auto',
};
