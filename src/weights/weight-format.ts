import { UserError } from '../base/errors.ts';
import type { ByteSource } from './byte-source.ts';

export type WeightFormat = 'safetensors' | 'torch-zip' | 'torch-legacy' | 'onnx' | 'json';

export const READABLE =
  'safetensors, a PyTorch checkpoint, an ONNX model, a TensorFlow.js model.json or an index of sharded files';

/**
 * Tells the format of a file of weights by its first bytes; the ending of its name says nothing.
 *
 * @throws UserError that says what the file is instead, as far as that can be told.
 */
export function weightFormat(source: ByteSource): WeightFormat {
  const { name, size } = source;
  if (size === 0) throw new UserError(`${name} is empty. Get it again`);
  const head = Buffer.from(source.read(0, Math.min(size, 512)).buffer);
  const latin = head.toString('latin1');
  const text = latin.replace(/^\xef\xbb\xbf/, '').trimStart();
  if (latin.startsWith('PK\x03\x04') || latin.startsWith('PK\x05\x06')) return 'torch-zip';
  // before pickles: the length of a header may begin with their bytes
  if (size > 8 && latin[8] === '{' && head.readBigUInt64LE(0) <= BigInt(size)) return 'safetensors';
  if (head[0] === 0x80 && head[1] >= 2 && head[1] <= 5) return 'torch-legacy';
  if (text.startsWith('{')) return 'json';
  const foreign = FOREIGN.find(({ is }) => is(latin, text));
  if (foreign) throw new UserError(`${name} is ${foreign.what}`);
  // the first field of an ONNX ModelProto: version, producer, graph or operator set
  if ([0x08, 0x12, 0x3a, 0x42].includes(head[0])) return 'onnx';
  throw new UserError(
    `${name} is of an unknown format (it begins with the bytes ${head.subarray(0, 8).toString('hex')}). Expected ${READABLE}`,
  );
}

const CONVERT = 'Convert it to safetensors or ONNX';

const FOREIGN: readonly { is(latin: string, text: string): boolean; what: string }[] = [
  {
    is: (_, text) => /^(<!doctype\s+html|<html|<head|<body|<script|<!--)/i.test(text),
    what: 'a web page (HTML), not weights: the download gave a page to look at or to log in to. Get it again by the link of the file itself',
  },
  {
    is: (_, text) => text.startsWith('<'),
    what: 'an XML text, not weights: probably the error message of a server. Get it again',
  },
  {
    is: (_, text) => text.startsWith('version https://git-lfs.github.com/spec/'),
    what: 'a Git LFS pointer: a note that the weights are elsewhere, not the weights. In its repository run: git lfs pull',
  },
  {
    is: latin => latin.startsWith('version ') || latin.startsWith('oid sha256:'),
    what: 'a text, not weights. Get it again',
  },
  { is: latin => latin.startsWith('\x1f\x8b'), what: 'compressed by gzip. Unpack it first' },
  { is: latin => latin.startsWith('\x28\xb5\x2f\xfd'), what: 'compressed by zstd. Unpack it first' },
  { is: latin => latin.startsWith('7z\xbc\xaf\x27\x1c'), what: 'a 7z archive. Unpack it first' },
  { is: latin => latin.startsWith('\x89HDF'), what: `an HDF5 file, as of Keras or MATLAB. ${CONVERT}` },
  { is: latin => latin.startsWith('\x93NUMPY'), what: `a NumPy array. ${CONVERT}` },
  { is: latin => latin.startsWith('GGUF'), what: `a GGUF file. ${CONVERT}` },
  { is: latin => latin.slice(4, 8) === 'TFL3', what: `a TensorFlow Lite model. ${CONVERT}` },
  {
    is: latin => latin.slice(257, 262) === 'ustar',
    what: 'a tar archive. Unpack it first; a checkpoint of PyTorch before 0.1.2 is one itself: load it in an old PyTorch and save it again',
  },
];
