import { UserError } from '../base/errors.ts';
import { DTYPES, type StoredTensor, type TensorData } from './dtypes.ts';
import { bfloatToFloat, halfToFloat } from './half.ts';
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

/** Reads a TensorProto. @throws UserError where the data is elsewhere, of an unknown type or of another size than stated. */
export function parseTensor(message: ProtoField, source: string): { name: string; tensor: StoredTensor } {
  const typed: Typed = { floats: [], doubles: [], int32s: [], int64s: [], uint64s: [] };
  const dims: bigint[] = [];
  let name = '';
  let type = 0;
  let raw: Uint8Array | undefined;
  let external = false;
  for (const field of message.fields()) {
    if (field.number === 1) field.pushInt64s(dims);
    else if (field.number === 2) type = field.int();
    else if (field.number === 4) field.pushFloats(typed.floats, 4);
    else if (field.number === 5) field.pushInt64s(typed.int32s);
    else if (field.number === 7) field.pushInt64s(typed.int64s);
    else if (field.number === 8) name = field.text();
    else if (field.number === 9) raw = field.bytes();
    else if (field.number === 10) field.pushFloats(typed.doubles, 8);
    else if (field.number === 11) field.pushInt64s(typed.uint64s);
    else if (field.number === 13) external = true;
    else if (field.number === 14) external ||= field.int() === 1;
  }
  const label = `${source}: tensor "${name}"`;
  if (external) {
    throw new UserError(
      `${label} keeps its data in a separate file, which cannot be read. Save the model as one file (in Python: onnx.save(onnx.load(path), path, save_as_external_data=False))`,
    );
  }
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
