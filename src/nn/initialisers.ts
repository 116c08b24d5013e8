import type { Random } from '../base/random.ts';
import { count, type Shape } from '../graph/tensor.ts';

export type Initialiser = (shape: Shape, random: Random) => Float32Array;

export const zeros: Initialiser = shape => new Float32Array(count(shape));

export const ones: Initialiser = shape => new Float32Array(count(shape)).fill(1);

/** N(0, 1). */
export const normal: Initialiser = (shape, random) =>
  Float32Array.from({ length: count(shape) }, () => random.normal());

/** U(-1/sqrt(fanIn), 1/sqrt(fanIn)): PyTorch's default for weights and biases of linear and convolution layers. */
export const uniformFanIn =
  (fanIn: number): Initialiser =>
  (shape, random) => {
    const bound = 1 / Math.sqrt(fanIn);
    return Float32Array.from({ length: count(shape) }, () => random.uniform(-bound, bound));
  };
