import { UserError } from '../base/errors.ts';
import { type ByteSource, memoryLimit, withFile } from './byte-source.ts';
import { PyObject } from './pickle-machine.ts';
import { stateDict } from './state-dict.ts';
import { openLegacyCheckpoint } from './torch-legacy.ts';
import { materialise, type TorchCheckpoint } from './torch-tensor.ts';
import { openZipCheckpoint } from './torch-zip.ts';
import { selected, type Weight, type WeightSelection } from './weight.ts';
import { weightFormat } from './weight-format.ts';

export interface TorchSelection extends WeightSelection {
  /** Path of keys to the state dict, joined by dots, where the checkpoint holds several: `teacher`, `ema.shadow`. */
  nested?: string;
}

/**
 * The tensors of a PyTorch checkpoint (`torch.save`, TorchScript archives too), whatever else it holds. Nothing in it
 * is ever executed: its pickle is read as data.
 *
 * The state dict is found at the top or below it (`state_dict`, `model`, ..). Tensors are read one by one from their
 * place in the file; equal views of a storage (tied weights) share their memory.
 *
 * @returns float32 tensors by name, in the file's order; integers and float64 are rounded to the nearest float32.
 * @throws UserError where the file is damaged or of another kind, imports what could run code, holds several state
 *   dicts and `nested` chooses none, or a tensor asked for cannot be read.
 */
export function readTorch(path: string, selection: TorchSelection = {}): Map<string, Weight> {
  return withFile(path, 'a PyTorch checkpoint', source => torchWeights(source, selection));
}

/** As `readTorch`, from an opened source. */
export function torchWeights(source: ByteSource, selection: TorchSelection = {}): Map<string, Weight> {
  const checkpoint = openCheckpoint(source);
  let left = memoryLimit(source);
  const views = new Map<string, Weight>();
  const tensors = stateDict(checkpoint.root, selection.nested, source.name);
  return new Map(
    selected(tensors, selection, source.name).map(([name, tensor]) => {
      const label = `${source.name}: tensor "${name.slice(0, 200)}"`;
      if (tensor instanceof PyObject) {
        throw new UserError(
          `${label} is made by ${tensor.made}, which cannot be read: a dense tensor is expected. Convert it and save it again`,
        );
      }
      const { storage, dtype, offset, shape, stride } = tensor;
      const view = JSON.stringify([storage.key, storage.offset, dtype, offset, shape, stride]);
      const known = views.get(view);
      if (known) return [name, { shape: [...known.shape], data: known.data }];
      const spend = (bytes: number) => {
        left -= bytes;
        if (left >= 0) return;
        throw new UserError(
          `${label} of shape [${shape}] would take more memory than a file of ${source.size} bytes can stand for. Get it from a source you trust`,
        );
      };
      spend(4 * shape.reduce((product, n) => product * n, 1));
      const read = (begin: number, length: number) => {
        spend(length);
        return checkpoint.read(storage, begin, length);
      };
      const weight = materialise(tensor, read, label);
      views.set(view, weight);
      return [name, weight];
    }),
  );
}

function openCheckpoint(source: ByteSource): TorchCheckpoint {
  const format = weightFormat(source);
  if (format === 'torch-zip') return openZipCheckpoint(source);
  if (format === 'torch-legacy') return openLegacyCheckpoint(source);
  throw new UserError(`${source.name} is no PyTorch checkpoint: by its content it is ${CONTENT[format]}`);
}

const CONTENT = { safetensors: 'a safetensors file', onnx: 'an ONNX model', json: 'a JSON text' } as const;
