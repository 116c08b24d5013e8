import { UserError } from '../base/errors.ts';
import { type ByteSource, memorySource } from './byte-source.ts';
import { unpickle } from './pickle.ts';
import { TORCH_FUNCTIONS, type TorchCheckpoint, torchStorage } from './torch-tensor.ts';
import { openZip } from './zip.ts';

/** More than any checkpoint's structure takes; the tensors' numbers are beside it. */
const MAX_PICKLE = 2 ** 26;

/**
 * The format of PyTorch 1.6 and later, and TorchScript: a zip archive of `<any>/data.pkl` and `<any>/data/<key>`.
 *
 * @throws UserError where it is damaged or another kind of archive.
 */
export function openZipCheckpoint(source: ByteSource): TorchCheckpoint {
  const zip = openZip(source);
  const names = [...zip.entries.keys()];
  const pickles = names.filter(name => /^([^/]+\/)?data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    throw new UserError(
      `${source.name} is a zip archive but no PyTorch checkpoint: expected one entry data.pkl, found ${pickles.length}. It holds ${names.slice(0, 5).join(', ')}${names.length > 5 ? `, ... (${names.length})` : ''}`,
    );
  }
  const folder = pickles[0].slice(0, -'data.pkl'.length);
  const order = `${folder}byteorder`;
  const orderSize = zip.entries.get(order)?.size;
  if (orderSize !== undefined && orderSize <= 16) {
    const text = Buffer.from(zip.read(order, 0, orderSize)).toString('latin1');
    if (text !== 'little') {
      throw new UserError(
        `${source.name} has the byte order ${JSON.stringify(text)}, expected little. Load it where it was made and save it as safetensors`,
      );
    }
  }
  const { size } = zip.entries.get(pickles[0])!;
  if (size > MAX_PICKLE) {
    throw new UserError(`${source.name}: its data.pkl has ${size} bytes, more than the allowed ${MAX_PICKLE}`);
  }
  const pickle = memorySource(zip.read(pickles[0], 0, size), source.name);
  const { value } = unpickle(pickle, 0, { functions: TORCH_FUNCTIONS, persistent: torchStorage });
  return { root: value, read: ({ key }, begin, length) => zip.read(`${folder}data/${key}`, begin, length) };
}
