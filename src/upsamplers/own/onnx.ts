import { type GraphSource, graphWeights, importGraph } from '../../backbones/imported/graph.ts';
import { takesAnySize } from '../../backbones/imported/sizes.ts';
import { isSized, onnxTable } from '../../backbones/imported/table.ts';
import { UserError } from '../../base/errors.ts';
import { concat, slice } from '../../graph/ops/layout.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Scope } from '../../nn/scope.ts';
import { sizeOf, toSize } from '../../nn/to-size.ts';
import { type OnnxModel, readOnnx } from '../../weights/onnx.ts';
import { checked } from './checked.ts';
import type { FileRecord } from './entry.ts';
import type { OwnUpsampler } from './types.ts';

type Input = OnnxModel['inputs'][number];

interface Inputs {
  features: Input;
  /** Not there where the file looks at the features alone. */
  image?: Input;
}

/**
 * An upsampler out of an ONNX file: inputs `features` [b,C,h,w] and `image` [b,3,H,W], one output [b,C,h',w']. Its nodes
 * are imported into our graph, so that gradients run through to the features.
 *
 * @throws UserError where the file cannot be read, or its inputs and outputs are others.
 */
export function onnxUpsampler(name: string, file: FileRecord): OwnUpsampler {
  const { path } = file;
  const model = readOnnx(path);
  const inputs = inputsOf(model, path);
  if (model.outputs.length !== 1) {
    const given = model.outputs.map(output => `"${output.name}"`).join(', ') || 'none';
    throw new UserError(
      `${path} has the outputs ${given}; expected one, the features [b,C,h',w']. Export that one alone`,
    );
  }
  const [output] = model.outputs;
  const source: GraphSource = { ...model, file: path, table: onnxTable, isSized };
  const anySize = takesAnySize(source, output.name);
  const weights = graphWeights(model);
  return {
    name,
    file,
    description: `the network of ${path}`,
    source: `the file ${path}`,
    licence: 'that of the file',
    learned: weights.size > 0,
    linear: false,
    agnostic: typeof inputs.features.shape?.[1] !== 'number',
    ratio: 'any',
    upsample: checked(path, (features, image, size, scope) => {
      requireFit(path, inputs.features, features, anySize);
      if (inputs.image) requireFit(path, inputs.image, image, anySize);
      const run = (f: Tensor, i: Tensor) => within(imported(source, inputs, output.name, f, i, scope), size);
      const [batch] = features.shape;
      const single = [inputs.features, inputs.image].some(input => input?.shape?.[0] === 1);
      if (!single || batch === 1) return run(features, image);
      // exported for one image at a time
      const one = (x: Tensor, at: number) => slice(x, 0, at, 1);
      return concat(
        Array.from({ length: batch }, (_, at) => run(one(features, at), one(image, at))),
        0,
      );
    }),
    load(_, given) {
      if (given === undefined) return { weights, from: weights.size > 0 ? path : null };
      throw new UserError(`${path} holds its weights itself, given --upsampler-weights ${name}=${given}: leave it out`);
    },
  };
}

function imported(
  source: GraphSource,
  { features, image }: Inputs,
  output: string,
  given: Tensor,
  pixels: Tensor,
  scope: Scope,
): Tensor {
  const feeds = new Map([[features.name, given], ...(image ? [[image.name, pixels] as const] : [])]);
  const { tensor } = importGraph(source, { feeds, scope, wanted: [output] }).get(output);
  if (tensor) return tensor;
  throw new UserError(`${source.file}: its output "${output}" does not depend on the features`);
}

/** A map that is larger than asked for, brought down. */
function within(map: Tensor, [height, width]: readonly [number, number]): Tensor {
  if (map.shape.length !== 4) return map;
  const [h, w] = sizeOf(map);
  return toSize(map, [Math.min(h, height), Math.min(w, width)]);
}

/** By their names `features` and `image`; else the image is what has three channels. */
function inputsOf({ inputs }: OnnxModel, path: string): Inputs {
  const maps = inputs.filter(({ dtype, shape }) => /^B?F/.test(dtype ?? '') && (shape === null || shape.length === 4));
  const named = (name: string) => maps.find(input => input.name === name);
  const image = named('image') ?? maps.find(({ name, shape }) => shape?.[1] === 3 && name !== 'features');
  const features = named('features') ?? maps.find(input => input !== image);
  const used = [features, image].filter(input => input !== undefined);
  if (features && features !== image && used.length === inputs.length) return { features, ...(image && { image }) };
  const given = inputs.map(
    ({ name, dtype, shape }) => `"${name}" ${dtype} [${shape?.map(size => size ?? '?').join(',') ?? '?'}]`,
  );
  throw new UserError(
    `${path} has the inputs ${given.join(', ') || 'none'}; expected floats "features" [b,C,h,w] and "image" [b,3,H,W], or ` +
      '"features" alone. Export it with these names',
  );
}

/** @throws UserError where a stated size is another. */
function requireFit(path: string, { name, shape }: Input, given: Tensor, anySize: boolean): void {
  if (!shape) return;
  const differs = (axis: number) => typeof shape[axis] === 'number' && shape[axis] !== given.shape[axis];
  const wrong = [
    ...(differs(0) && shape[0] !== 1 ? ['batch'] : []),
    ...(differs(1) ? ['channels'] : []),
    ...(!anySize && (differs(2) || differs(3)) ? ['size'] : []),
  ];
  if (wrong.length === 0) return;
  throw new UserError(
    `${path} takes "${name}" as [${shape.map(size => size ?? '?').join(', ')}], given [${given.shape.join(', ')}]: the ` +
      `${wrong.join(' and ')} ${wrong.length === 1 ? 'differs' : 'differ'}. Export it with free sizes (dynamic axes), or ` +
      (wrong.includes('channels')
        ? 'for the channels of this backbone'
        : 'choose the size that it takes by --set training.size=N --mode fixedN'),
  );
}
