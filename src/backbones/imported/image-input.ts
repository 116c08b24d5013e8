import { suggest, UserError } from '../../base/errors.ts';
import type { OnnxModel } from '../../weights/onnx.ts';
import type { ImageInput } from './model.ts';

const isFloat = (dtype: string | null): boolean => /^B?F/.test(dtype ?? '');

/**
 * The input of a model that takes the image.
 *
 * @param name null: the only one that can.
 * @throws UserError where it is not plain which it is, or it is none for images of floats.
 */
export function imageInput({ inputs }: Pick<OnnxModel, 'inputs'>, file: string, name: string | null): ImageInput {
  const { name: found, dtype, shape } = choose(inputs, file, name);
  const fixed = (n: number | string | null | undefined) => (typeof n === 'number' && n > 0 ? n : null);
  const channelsLast = shape?.length === 4 && shape[1] !== 3 && shape[3] === 3;
  if (!isFloat(dtype) || (shape && (shape.length !== 4 || (!channelsLast && (fixed(shape[1]) ?? 3) !== 3)))) {
    throw new UserError(
      `${file}: its input "${found}" takes ${dtype} ${shape ? `[${shape.map(n => n ?? '?').join(',')}]` : ''}, expected an ` +
        'image of floats [b,3,h,w] or [b,h,w,3]',
    );
  }
  const [height, width] = (channelsLast ? shape.slice(1, 3) : (shape?.slice(2) ?? [])).map(fixed);
  const batch = fixed(shape?.[0]);
  if (batch !== null && batch !== 1) {
    throw new UserError(`${file} takes ${batch} images at once; export it for one, or for any number`);
  }
  return { name: found, channelsLast, batch, size: height && width ? [height, width] : null };
}

function choose(inputs: OnnxModel['inputs'], file: string, name: string | null): OnnxModel['inputs'][number] {
  if (name !== null) {
    const named = inputs.find(each => each.name === name);
    const names = inputs.map(each => each.name);
    if (!named) throw new UserError(`${file} has no input "${name}" (onnx.input): ${suggest(name, names)}`);
    return named;
  }
  const candidates = inputs.filter(
    ({ dtype, shape }) => isFloat(dtype) && shape?.length === 4 && (shape[1] === 3 || shape[3] === 3),
  );
  if (candidates.length === 1) return candidates[0];
  const described = inputs.map(
    ({ name: each, dtype, shape }) => `"${each}" ${dtype} [${shape ? shape.map(n => n ?? '?').join(',') : '?'}]`,
  );
  throw new UserError(
    `${file}: ${candidates.length} of its inputs take an image [b,3,h,w] of floats, expected one; it has ` +
      `${described.join(', ') || 'none'}. Name it by onnx.input (--onnx-input)`,
  );
}
