import { UserError } from '../../base/errors.ts';
import { show, type Tensor } from '../../graph/tensor.ts';
import { errorText } from './place.ts';
import type { Upsample } from './types.ts';

/**
 * The `upsample` of a file, which says in errors whose it is.
 *
 * @returns what throws UserError where the file's throws, or gives something else than a map [B,C,h',w'] of at most the
 *   size asked for.
 */
export function checked(path: string, upsample: Upsample): Upsample {
  return (...given) => {
    const [features, image, size] = given;
    const call = `upsample(features ${show(features.shape)}, image ${show(image.shape)}, size ${show(size)})`;
    let output: unknown;
    try {
      output = upsample(...given);
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw new UserError(`${path}: ${call} failed: ${errorText(error, path)}`, { cause: error });
    }
    const wrong = fault(output, features, size);
    if (wrong !== undefined) throw new UserError(`${path}: ${call} ${wrong}`);
    return output as Tensor;
  };
}

function fault(output: unknown, features: Tensor, [height, width]: readonly [number, number]): string | undefined {
  const [b, c] = features.shape;
  const expected = `expected a map [${b}, ${c}, h', w'] with h' up to ${height} and w' up to ${width}`;
  if (output instanceof Promise) return `gave a promise, ${expected}: it builds a graph, so it must not be async`;
  if (!isTensor(output)) return `gave ${describe(output)}, ${expected}: a tensor as the ops of clickprobe give`;
  const [batch, channels, h, w] = output.shape;
  const fits = output.shape.length === 4 && batch === b && channels === c && h <= height && w <= width;
  return fits ? undefined : `gave ${show(output.shape)}, ${expected}`;
}

const isTensor = (value: unknown): value is Tensor =>
  typeof value === 'object' && value !== null && 'op' in value && 'inputs' in value && 'shape' in value;

const describe = (value: unknown): string =>
  value === undefined || value === null ? `${value}` : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
