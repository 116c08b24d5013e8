import { Random } from '../base/random.ts';
import { count } from '../graph/tensor.ts';
import { type Initialiser, normal, uniformFanIn, zeros } from '../nn/initialisers.ts';
import type { Parameter } from '../nn/scope.ts';

/** Xavier's uniform range, which PyTorch gives the projections of attention. */
const xavier: Initialiser = (shape, random) => {
  const bound = Math.sqrt(6 / (shape[0] + shape[1]));
  return Float32Array.from({ length: count(shape) }, () => random.uniform(-bound, bound));
};

const BASE = 100;

/** JAFAR's and AnyUp's rotary frequencies [2,C]: rows turn the first half of the channels, columns the second. */
const frequencies: Initialiser = shape => {
  const channels = shape[1];
  const quarter = channels / 4;
  const data = new Float32Array(count(shape));
  for (let c = 0; c < channels; c++) {
    const frequency = 2 * Math.PI * BASE ** (quarter > 1 ? -(c % quarter) / (quarter - 1) : 0);
    data[(c < channels / 2 ? 0 : channels) + c] = frequency;
  }
  return data;
};

/** NAF's rotary periods [d/4]. */
const periods: Initialiser = ([n]) => Float32Array.from({ length: n }, (_, j) => BASE ** (j / n));

/** What an upsampler asks for without saying how it starts: as the original code starts it. */
const START: readonly [RegExp, Initialiser][] = [
  [/\.(in_proj_weight|[qkv]_proj_weight)$/, xavier],
  [/\.out_proj\.bias$/, zeros],
  [/\.rope\.freqs$/, frequencies],
  [/\.rope\.periods$/, periods],
  [/\.(basis|biases)$/, normal],
];

/** Initial values of a parameter, from a stream of its own: the same whatever other parameters there are. */
export function initialValues({ name, shape, initialise }: Parameter, seed: number): Float32Array {
  const named = START.find(([pattern]) => pattern.test(name))?.[1];
  // zeros are what a scope takes where nothing is said; a matrix of them would never learn
  const own = initialise === zeros && shape.length > 1 ? uniformFanIn(count(shape) / shape[0]) : initialise;
  return (named ?? own)(shape, Random.of(seed, 'initialise', name));
}
