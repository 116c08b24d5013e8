import { UserError } from '../base/errors.ts';
import { withFile } from './byte-source.ts';
import { DTYPES, type StoredTensor, type TensorData } from './dtypes.ts';
import { bfloatToFloat, halfToFloat } from './half.ts';
import { pathBeside } from './path-beside.ts';
import type { ProtoField } from './protobuf.ts';

/** The typed fields of a TensorProto; which one is used depends on the element type. */
interface Typed {
  floats: number[];
  doubles: number[];
  int32s: bigint[];
  int64s: bigint[];
  uint64s: bigint[];
}

interface ElementType {
  dtype: string;
  fromTyped(values: Typed): TensorData;
}

// TensorProto.DataType; 16-bit floats stand as bit patterns in int32_data
const ELEMENT_TYPES = new Map<number, ElementType>([
  [1, { dtype: 'F32', fromTyped: v => Float32Array.from(v.floats) }],
  [2, { dtype: 'U8', fromTyped: v => Uint8Array.from(v.int32s, Number) }],
  [3, { dtype: 'I8', fromTyped: v => Int8Array.from(v.int32s, Number) }],
  [4, { dtype: 'U16', fromTyped: v => Uint16Array.from(v.int32s, Number) }],
  [5, { dtype: 'I16', fromTyped: v => Int16Array.from(v.int32s, Number) }],
  [6, { dtype: 'I32', fromTyped: v => Int32Array.from(v.int32s, Number) }],
  [7, { dtype: 'I64', fromTyped: v => BigInt64Array.from(v.int64s) }],
  [9, { dtype: 'BOOL', fromTyped: v => Uint8Array.from(v.int32s, Number) }],
  [10, { dtype: 'F16', fromTyped: v => halfToFloat(Uint16Array.from(v.int32s, Number)) }],
  [11, { dtype: 'F64', fromTyped: v => Float64Array.from(v.doubles) }],
  [12, { dtype: 'U32', fromTyped: v => Uint32Array.from(v.uint64s, Number) }],
  [13, { dtype: 'U64', fromTyped: v => BigUint64Array.from(v.uint64s) }],
  [16, { dtype: 'BF16', fromTyped: v => bfloatToFloat(Uint16Array.from(v.int32s, Number)) }],
]);

/** The safetensors name of an ONNX element type, or undefined where it cannot be read (text, 8-bit floats, complex). */
export function onnxDtype(type: number): string | undefined {
  return ELEMENT_TYPES.get(type)?.dtype;
}

/** Where a model comes from. */
export interface OnnxOrigin {
  /** What to call it in errors. */
  name: string;
  /** Where the files are that may hold its tensors' data; undefined for a model in memory. */
  folder?: string;
}

/**
 * Reads a TensorProto.
 *
 * @throws UserError where the data is of an unknown type or of another size than stated, or where it is in another file
 *   that cannot be read.
 */
export function parseTensor(fields: Iterable<ProtoField>, origin: OnnxOrigin): { name: string; tensor: StoredTensor } {
  const typed: Typed = { floats: [], doubles: [], int32s: [], int64s: [], uint64s: [] };
  const dims: bigint[] = [];
  let name = '';
  let type = 0;
  let raw: Uint8Array | undefined;
  let external = false;
  const place = new Map<string, string>();
  for (const field of fields) {
    if (field.number === 1) field.pushInt64s(dims);
    else if (field.number === 2) type = field.int();
    else if (field.number === 4) field.pushFloats(typed.floats, 4);
    else if (field.number === 5) field.pushInt64s(typed.int32s);
    else if (field.number === 7) field.pushInt64s(typed.int64s);
    else if (field.number === 8) name = field.text();
    else if (field.number === 9) raw = field.bytes();
    else if (field.number === 10) field.pushFloats(typed.doubles, 8);
    else if (field.number === 11) field.pushInt64s(typed.uint64s);
    else if (field.number === 13) readPair(field, place);
    else if (field.number === 14) external ||= field.int() === 1;
  }
  const label = `${origin.name}: tensor "${name}"`;
  const element = ELEMENT_TYPES.get(type);
  if (!element) {
    const known = [...ELEMENT_TYPES].map(([code, { dtype }]) => `${code} (${dtype})`).join(', ');
    throw new UserError(
      `${label} is of the ONNX element type ${type}; readable are ${known}. Export it as one of them`,
    );
  }
  const shape = dims.map(Number);
  if (shape.some(n => !Number.isSafeInteger(n) || n < 0)) {
    throw new UserError(`${label} has the shape [${shape}], expected whole numbers >= 0. Export the model again`);
  }
  if (external || place.size > 0) raw = readExternal(place, shape, element.dtype, origin, label);
  const data = raw ? fromRaw(raw, element.dtype, label) : element.fromTyped(typed);
  const expected = shape.reduce((product, n) => product * n, 1);
  if (data.length !== expected) {
    throw new UserError(
      `${label} of shape [${shape}] needs ${expected} elements but holds ${data.length}. Export the model again`,
    );
  }
  return { name, tensor: { dtype: element.dtype, shape, data } };
}

function fromRaw(raw: Uint8Array, dtype: string, label: string): TensorData {
  const { bytes, decode } = DTYPES.get(dtype)!;
  if (raw.length % bytes !== 0) {
    throw new UserError(
      `${label} holds ${raw.length} bytes, no multiple of the ${bytes} of its type ${dtype}. Export the model again`,
    );
  }
  return decode(new Uint8Array(raw).buffer);
}

/** A StringStringEntryProto. */
function readPair(message: ProtoField, to: Map<string, string>): void {
  let [key, value] = ['', ''];
  for (const field of message.fields()) {
    if (field.number === 1) key = field.text();
    else if (field.number === 2) value = field.text();
  }
  to.set(key, value);
}

/** https://github.com/onnx/onnx/blob/main/docs/ExternalData.md */
function readExternal(
  place: ReadonlyMap<string, string>,
  shape: readonly number[],
  dtype: string,
  { name, folder }: OnnxOrigin,
  label: string,
): Uint8Array {
  const location = place.get('location');
  if (location === undefined) throw new UserError(`${label} keeps its data in a file that it does not name`);
  if (folder === undefined) {
    throw new UserError(`${label} keeps its data in the separate file "${location}". Read the model from its own file`);
  }
  const needed = shape.reduce((product, n) => product * n, DTYPES.get(dtype)!.bytes);
  const number = (key: string, otherwise: number) => {
    const text = place.get(key) ?? String(otherwise);
    if (/^\d{1,15}$/.test(text)) return Number(text);
    throw new UserError(`${label} states the ${key} "${text}" of its data, expected a whole number`);
  };
  const length = number('length', needed);
  if (length !== needed) {
    throw new UserError(
      `${label} of shape [${shape}] needs ${needed} bytes but states ${length}. Export the model again`,
    );
  }
  const path = pathBeside(folder, location, name);
  return withFile(path, `the data of ${name}`, source => source.read(number('offset', 0), length));
}
