/** The protobuf wire format, as much of it as an ONNX file needs. A message is a list of byte chunks. */
export type Chunks = Uint8Array[];

const utf8 = new TextEncoder();

function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

const key = (field: number, wireType: number) => varint((field << 3) | wireType);

export const sizeOf = (chunks: Chunks): number => chunks.reduce((total, chunk) => total + chunk.length, 0);

export const int = (field: number, value: number | bigint): Chunks => [key(field, 0), varint(value)];

export const float = (field: number, value: number): Chunks => [
  key(field, 5),
  new Uint8Array(Float32Array.of(value).buffer),
];

export const bytes = (field: number, value: Uint8Array): Chunks => [key(field, 2), varint(value.length), value];

export const text = (field: number, value: string): Chunks => bytes(field, utf8.encode(value));

export const message = (field: number, value: Chunks): Chunks => [key(field, 2), varint(sizeOf(value)), ...value];

/** One array, in a buffer that `release` can empty without waiting for the garbage collector. */
export function join(chunks: Chunks): Uint8Array {
  const size = sizeOf(chunks);
  const out = new Uint8Array(new ArrayBuffer(size, { maxByteLength: size }));
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}
