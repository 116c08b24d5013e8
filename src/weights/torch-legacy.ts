import { UserError } from '../base/errors.ts';
import type { ByteSource } from './byte-source.ts';
import { DTYPES } from './dtypes.ts';
import { unpickle } from './pickle.ts';
import { PyImport } from './pickle-imports.ts';
import { shown, TORCH_FUNCTIONS, type TorchCheckpoint, type TorchStorage, torchStorage } from './torch-tensor.ts';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/**
 * The format before PyTorch 1.6 (and `_use_new_zipfile_serialization=False`): five pickles one after the other (magic
 * number, protocol, system, what was saved, keys of the storages), then for each key its number of elements (u64) and
 * its bytes.
 *
 * @throws UserError where it is damaged, or some other pickle.
 */
export function openLegacyCheckpoint(source: ByteSource): TorchCheckpoint {
  const sizes = new Map<string, { elementBytes: number | undefined; className: string }>();
  const options = {
    functions: TORCH_FUNCTIONS,
    persistent(id: unknown) {
      const storage = torchStorage(id);
      if (!(storage instanceof PyImport)) {
        sizes.set(storage.key, { elementBytes: elementBytes(storage), className: storage.className });
      }
      return storage;
    },
  };
  let at = 0;
  const next = () => {
    const { value, end } = unpickle(source, at, options);
    at = end;
    return value;
  };
  if (next() !== MAGIC) {
    throw new UserError(
      `${source.name} is a Python pickle but not from torch.save: its magic number is missing. Load it in Python and save it as safetensors`,
    );
  }
  const protocol = next();
  if (protocol !== PROTOCOL) throw damaged(source, `it states the protocol ${shown(protocol)}, expected ${PROTOCOL}`);
  const system = next();
  if (system instanceof Map && system.get('little_endian') === false) {
    throw new UserError(
      `${source.name} was saved on a big-endian machine. Load it where it was made and save it as safetensors`,
    );
  }
  const root = next();
  const keys = next();
  if (!Array.isArray(keys)) throw damaged(source, 'it has no list of storages');

  const places = new Map<string, { begin: number; end: number }>();
  for (const key of keys) {
    const known = sizes.get(key);
    if (!known) throw damaged(source, `it stores "${shown(key)}", of which no tensor is a view`);
    if (known.elementBytes === undefined) {
      throw new UserError(
        `${source.name} holds storages of the type ${known.className}, which cannot be read. Convert them to float32 and save it again`,
      );
    }
    const count = Number(new DataView(source.read(at, 8).buffer).getBigUint64(0, true));
    const begin = at + 8;
    at = begin + count * known.elementBytes;
    if (at > source.size) {
      throw damaged(source, `a storage ends at byte ${at} of ${source.size}; it seems cut off`);
    }
    places.set(key, { begin, end: at });
  }
  return {
    root,
    read({ key }, begin, length) {
      const place = places.get(key);
      if (!place) throw damaged(source, `the storage "${key}" is missing`);
      if (place.begin + begin + length > place.end) {
        throw damaged(
          source,
          `bytes ${begin} to ${begin + length} of storage "${key}" are needed, it has ${place.end - place.begin}`,
        );
      }
      return source.read(place.begin + begin, length);
    },
  };
}

/** Of a storage of any class; the run of the following ones cannot be found without. */
function elementBytes({ dtype, className }: TorchStorage): number | undefined {
  if (dtype !== undefined) return DTYPES.get(dtype)!.bytes;
  return OTHER_SIZES[className.slice(className.lastIndexOf('.') + 1)];
}

const OTHER_SIZES: Readonly<Record<string, number>> = {
  UntypedStorage: 1,
  _UntypedStorage: 1,
  ComplexFloatStorage: 8,
  ComplexDoubleStorage: 16,
  QInt8Storage: 1,
  QUInt8Storage: 1,
  QInt32Storage: 4,
};

function damaged(source: ByteSource, what: string): UserError {
  return new UserError(`${source.name} is no intact PyTorch checkpoint: ${what}. Get it again`);
}
