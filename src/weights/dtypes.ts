import { bfloatToFloat, floatToBfloat, floatToHalf, halfToFloat } from './half.ts';

export type TensorData =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** A tensor from a file, row-major. `dtype` is the type in the file: F16 and BF16 are widened to a Float32Array, BOOL is a Uint8Array. */
export interface StoredTensor {
  dtype: string;
  shape: number[];
  data: TensorData;
}

interface Dtype {
  /** Bytes per element in a file. */
  bytes: number;
  /** The array that holds it in memory. */
  array: new (
    ...args: never[]
  ) => TensorData;
  /** Takes over the (little-endian) bytes of a file. */
  decode(buffer: ArrayBuffer): TensorData;
  /** What is written to a file. */
  encode(data: TensorData): TensorData;
}

const same = (data: TensorData) => data;

/** The element types of files by their safetensors name; the first one that fits an array is its own. */
export const DTYPES: ReadonlyMap<string, Dtype> = new Map<string, Dtype>([
  ['F32', { bytes: 4, array: Float32Array, decode: b => new Float32Array(b), encode: same }],
  ['F64', { bytes: 8, array: Float64Array, decode: b => new Float64Array(b), encode: same }],
  ['I64', { bytes: 8, array: BigInt64Array, decode: b => new BigInt64Array(b), encode: same }],
  ['U64', { bytes: 8, array: BigUint64Array, decode: b => new BigUint64Array(b), encode: same }],
  ['I32', { bytes: 4, array: Int32Array, decode: b => new Int32Array(b), encode: same }],
  ['U32', { bytes: 4, array: Uint32Array, decode: b => new Uint32Array(b), encode: same }],
  ['I16', { bytes: 2, array: Int16Array, decode: b => new Int16Array(b), encode: same }],
  ['U16', { bytes: 2, array: Uint16Array, decode: b => new Uint16Array(b), encode: same }],
  ['I8', { bytes: 1, array: Int8Array, decode: b => new Int8Array(b), encode: same }],
  ['U8', { bytes: 1, array: Uint8Array, decode: b => new Uint8Array(b), encode: same }],
  ['BOOL', { bytes: 1, array: Uint8Array, decode: b => new Uint8Array(b), encode: same }],
  [
    'F16',
    {
      bytes: 2,
      array: Float32Array,
      decode: b => halfToFloat(new Uint16Array(b)),
      encode: data => floatToHalf(data as Float32Array),
    },
  ],
  [
    'BF16',
    {
      bytes: 2,
      array: Float32Array,
      decode: b => bfloatToFloat(new Uint16Array(b)),
      encode: data => floatToBfloat(data as Float32Array),
    },
  ],
]);

/** The dtype in which an array is stored as it is. */
export function dtypeOf(data: TensorData): string {
  return [...DTYPES].find(([, { array }]) => data instanceof array)![0];
}
