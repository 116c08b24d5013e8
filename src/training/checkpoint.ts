import { UserError } from '../base/errors.ts';
import { type Shape, sameShape, show } from '../graph/tensor.ts';
import type { Safetensors, WritableTensor } from '../weights/safetensors.ts';
import type { Adam } from './adam.ts';

/** What every training changes: parameters by name, and their optimiser. */
interface Trained {
  parameters: Map<string, Float32Array>;
  adam: Adam;
}

/** A tensor of a file. @throws UserError where it is missing or of another type or shape */
type Take = (key: string, shape: Shape) => Float32Array;

const PARAMETER = 'parameter.';
const ADAM = 'adam.';

/** Parameters and moments as the tensors of a file. */
export function checkpointTensors(
  { parameters, adam }: Trained,
  shapeOf: (parameter: string) => Shape,
): Map<string, WritableTensor> {
  const tensors = new Map<string, WritableTensor>();
  for (const [name, data] of parameters) tensors.set(PARAMETER + name, { shape: shapeOf(name), data });
  for (const [key, data] of adam.state()) {
    tensors.set(ADAM + key, { shape: shapeOf(key.slice(key.indexOf('.') + 1)), data });
  }
  return tensors;
}

/** @param complaint of a file of another training, with what is wrong in it */
export const takeFrom =
  ({ tensors }: Pick<Safetensors, 'tensors'>, complaint: (wrong: string) => string): Take =>
  (key, shape) => {
    const tensor = tensors.get(key);
    if (tensor && tensor.data instanceof Float32Array && sameShape(tensor.shape, shape)) return tensor.data;
    const found = tensor ? `${tensor.dtype} ${show(tensor.shape)}` : 'nothing';
    throw new UserError(complaint(`"${key}" should be F32 ${show(shape)}, found ${found}`));
  };

/**
 * The parameters of a file; gives the optimiser its moments.
 *
 * @param shapes of all parameters.
 * @param trained the names of those that the optimiser moves.
 */
export function restoreParameters(
  take: Take,
  shapes: ReadonlyMap<string, Shape>,
  trained: Iterable<string>,
  adam: Adam,
  step: number,
): Map<string, Float32Array> {
  const parameters = new Map([...shapes].map(([name, shape]) => [name, take(PARAMETER + name, shape)]));
  if (step > 0) {
    const moments = [...trained].flatMap(name =>
      ['first', 'second'].map(kind => [`${kind}.${name}`, take(`${ADAM}${kind}.${name}`, shapes.get(name)!)] as const),
    );
    adam.restore(new Map(moments), step);
  }
  return parameters;
}
