import { UserError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { type ByteSource, memorySource, withFile } from './byte-source.ts';
import { DTYPES, dtypeOf, type StoredTensor, type TensorData } from './dtypes.ts';
import { duplicateKey } from './json-keys.ts';
import { selected, toFloat32, type Weight, type WeightSelection } from './weight.ts';

// The format: u64 header length, JSON header, data. https://huggingface.co/docs/safetensors

/** Without a dtype the array's own type is written; with one, Float32Array may go out as F16 or BF16, Uint8Array as BOOL. */
export interface WritableTensor {
  dtype?: string;
  shape: readonly number[];
  data: TensorData;
}

export interface Safetensors {
  metadata: Record<string, string>;
  tensors: Map<string, StoredTensor>;
}

const MAX_HEADER = 100_000_000;

/** Reads a .safetensors file; every tensor owns its memory. @throws UserError naming the file where it is missing or malformed. */
export function readSafetensors(path: string): Safetensors {
  return withFile(path, 'a .safetensors file', decode);
}

/** Reads the bytes of a .safetensors file. @param name what to call it in errors. @throws UserError as `readSafetensors`. */
export function parseSafetensors(bytes: Uint8Array, name: string): Safetensors {
  return decode(memorySource(bytes, name));
}

/** The tensors asked for as float32; others are not read. @throws UserError as `readSafetensors`. */
export function safetensorsWeights(source: ByteSource, selection: WeightSelection = {}): Map<string, Weight> {
  const { entries, dataStart } = readHeader(source);
  const named = entries.map((entry): [string, Entry] => [entry.name, entry]);
  return new Map(
    selected(named, selection, source.name).map(([name, entry]) => {
      const { shape, data } = readEntry(source, dataStart, entry);
      return [name, { shape, data: toFloat32(data) }];
    }),
  );
}

/** Writes a .safetensors file atomically. @throws UserError where the place cannot be written. */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  writeFileAtomic(path, safetensorsParts(tensors, metadata));
}

/** The bytes of a .safetensors file. @throws RangeError as `safetensorsParts`. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const parts = safetensorsParts(tensors, metadata);
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * The parts of a .safetensors file one after the other; data that needs no conversion is not copied. Data is ordered by element size, so that every tensor is aligned;
 * the header keeps the given order.
 *
 * @throws RangeError where a shape, a dtype and its data disagree.
 */
function safetensorsParts(
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array[] {
  const items = [...tensors].map(([name, tensor]) => ({ name, tensor, dtype: writableDtype(name, tensor), begin: 0 }));
  const bySize = items.toSorted((a, b) => DTYPES.get(b.dtype)!.bytes - DTYPES.get(a.dtype)!.bytes);
  let length = 0;
  for (const item of bySize) {
    item.begin = length;
    length += byteLength(item.dtype, item.tensor);
  }
  const entries = items.map(({ name, tensor, dtype, begin }) => {
    const entry = { dtype, shape: tensor.shape, data_offsets: [begin, begin + byteLength(dtype, tensor)] };
    return `${JSON.stringify(name)}:${JSON.stringify(entry)}`;
  });
  if (Object.keys(metadata).length > 0) entries.unshift(`"__metadata__":${JSON.stringify(metadata)}`);
  const json = new TextEncoder().encode(`{${entries.join(',')}}`);
  const headerLength = Math.ceil(json.length / 8) * 8;
  if (headerLength > MAX_HEADER) throw new RangeError(`a safetensors header of ${headerLength} bytes is too long`);

  const header = new Uint8Array(8 + headerLength).fill(32, 8);
  new DataView(header.buffer).setBigUint64(0, BigInt(headerLength), true);
  header.set(json, 8);
  const data = bySize.map(({ tensor, dtype }) => {
    const { buffer, byteOffset, byteLength } = DTYPES.get(dtype)!.encode(tensor.data);
    return new Uint8Array(buffer, byteOffset, byteLength);
  });
  return [header, ...data];
}

function byteLength(dtype: string, tensor: WritableTensor): number {
  return tensor.data.length * DTYPES.get(dtype)!.bytes;
}

function writableDtype(name: string, { dtype, shape, data }: WritableTensor): string {
  if (name === '__metadata__') throw new RangeError('a tensor cannot be called __metadata__ in safetensors');
  const chosen = dtype ?? dtypeOf(data);
  const known = DTYPES.get(chosen);
  if (!known || !(data instanceof known.array)) {
    throw new RangeError(`tensor ${name}: a ${data.constructor.name} cannot be written as ${chosen}`);
  }
  const size = shape.reduce((product, n) => product * n, 1);
  if (size !== data.length) {
    throw new RangeError(`tensor ${name}: shape [${shape}] has ${size} elements, its data ${data.length}`);
  }
  return chosen;
}

interface Entry {
  name: string;
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

function decode(source: ByteSource): Safetensors {
  const { metadata, entries, dataStart } = readHeader(source);
  return { metadata, tensors: new Map(entries.map(entry => [entry.name, readEntry(source, dataStart, entry)])) };
}

function readHeader(source: ByteSource) {
  const { name, size } = source;
  if (size < 8) throw broken(name, `it has ${size} bytes, the header length alone takes 8`);
  const headerLength = Number(new DataView(source.read(0, 8).buffer).getBigUint64(0, true));
  if (headerLength > MAX_HEADER) {
    throw broken(name, `it states a header of ${headerLength} bytes, more than the allowed ${MAX_HEADER}`);
  }
  const dataStart = 8 + headerLength;
  if (dataStart > size) throw broken(name, `it states a header of ${headerLength} bytes but has only ${size} in all`);
  const { __metadata__: metadata = {}, ...rest } = parseHeader(source.read(8, headerLength), name);
  const entries = Object.entries(rest).map(([tensor, entry]) => checkEntry(tensor, entry, name));
  checkLayout(entries, size - dataStart, name);
  return { metadata: checkMetadata(metadata, name), entries, dataStart };
}

function readEntry(source: ByteSource, dataStart: number, { dtype, shape, begin, end }: Entry): StoredTensor {
  const { buffer } = source.read(dataStart + begin, end - begin);
  return { dtype, shape, data: DTYPES.get(dtype)!.decode(buffer) };
}

function parseHeader(bytes: Uint8Array, name: string): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (error) {
    throw broken(name, `its header is no valid JSON (${(error as Error).message})`, error);
  }
  if (!isRecord(header)) throw broken(name, 'its header is no JSON object');
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) throw broken(name, `its header names "${duplicate}" twice`);
  return header;
}

function checkMetadata(metadata: unknown, name: string): Record<string, string> {
  if (!isRecord(metadata) || Object.values(metadata).some(value => typeof value !== 'string')) {
    throw broken(name, 'its __metadata__ is no map from text to text');
  }
  return metadata as Record<string, string>;
}

function checkEntry(tensor: string, entry: unknown, name: string): Entry {
  const wrong = (what: string) => broken(name, `tensor "${tensor}" ${what}`);
  if (!isRecord(entry)) throw wrong('has no dtype, shape and data_offsets');
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string') throw wrong('has no dtype');
  const known = DTYPES.get(dtype);
  if (!known) throw wrong(`is of type ${dtype}; readable are ${[...DTYPES.keys()].join(', ')}`);
  if (!isSizes(shape)) throw wrong(`has the shape ${JSON.stringify(shape)}, expected whole numbers >= 0`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw wrong(`has the data_offsets ${JSON.stringify(offsets)}, expected [begin, end]`);
  }
  const [begin, end] = offsets;
  const expected = shape.reduce((product, n) => product * n, known.bytes);
  if (expected !== end - begin) {
    throw wrong(`of shape [${shape}] and type ${dtype} needs ${expected} bytes but its offsets span ${end - begin}`);
  }
  return { name: tensor, dtype, shape, begin, end };
}

/** The tensors must cover the data without a gap or an overlap, as the format demands. */
function checkLayout(entries: readonly Entry[], length: number, name: string): void {
  let at = 0;
  let previous = '';
  for (const entry of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (entry.end > length) {
      throw broken(
        name,
        `tensor "${entry.name}" ends at byte ${entry.end} of the data, which has ${length}; the file seems cut off`,
      );
    }
    if (entry.begin < at) throw broken(name, `tensors "${previous}" and "${entry.name}" overlap`);
    if (entry.begin > at)
      throw broken(name, `there is a gap of ${entry.begin - at} bytes before tensor "${entry.name}"`);
    at = entry.end;
    previous = entry.name;
  }
  if (at !== length) throw broken(name, `${length - at} bytes follow after the last tensor`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(n => Number.isSafeInteger(n) && n >= 0);
}

function broken(name: string, what: string, cause?: unknown): UserError {
  return new UserError(
    `${name} is no intact safetensors file: ${what}. Get it again, or check that it is the right file`,
    { cause },
  );
}
