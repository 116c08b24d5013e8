import { UserError } from '../base/errors.ts';
import { ByteCursor, type ByteSource } from './byte-source.ts';

// The wire format: https://protobuf.dev/programming-guides/encoding

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const MAX_DEPTH = 100;

/**
 * The fields of a protobuf message in file order; the schema is the caller's. Everything is bounds-checked.
 *
 * @param source what to call the file in errors.
 * @throws UserError where the bytes are no message.
 */
export function* protoFields(bytes: Uint8Array, source: string, depth = 0): Generator<ProtoField> {
  if (depth > MAX_DEPTH) throw broken(source, `its messages are nested deeper than ${MAX_DEPTH}`);
  const cursor = new Cursor(bytes, source);
  while (!cursor.done) {
    const key = varint(cursor, source);
    const number = Number(key >> 3n);
    const wire = Number(key & 7n);
    if (number < 1 || number >= 2 ** 29) throw broken(source, `it names the field number ${number}`);
    if (wire === VARINT) yield new ProtoField(source, depth, number, wire, varint(cursor, source));
    else if (wire === FIXED64) yield new ProtoField(source, depth, number, wire, cursor.take(8));
    else if (wire === BYTES)
      yield new ProtoField(source, depth, number, wire, cursor.take(Number(varint(cursor, source))));
    else if (wire === FIXED32) yield new ProtoField(source, depth, number, wire, cursor.take(4));
    else throw broken(source, `field ${number} has the unknown wire type ${wire}`);
  }
}

/**
 * Where the fields of a message lie in a file, none of them read: for messages that are larger than what is wanted.
 *
 * @throws UserError as `protoFields`.
 */
export function* protoRanges(source: ByteSource, begin: number, end: number): Generator<ProtoRange> {
  const cursor = new ByteCursor(source, begin, end, what => broken(source.name, what));
  while (!cursor.done) {
    const key = varint(cursor, source.name);
    const wire = Number(key & 7n);
    if (wire === VARINT) varint(cursor, source.name);
    else if (wire === FIXED64) cursor.skip(8);
    else if (wire === FIXED32) cursor.skip(4);
    else if (wire === BYTES) {
      const length = Number(varint(cursor, source.name));
      cursor.skip(length);
      yield { number: Number(key >> 3n), begin: cursor.position - length, end: cursor.position };
    } else throw broken(source.name, `it has the unknown wire type ${wire}`);
  }
}

/** A field that is a message, a text or bytes. */
export interface ProtoRange {
  number: number;
  begin: number;
  end: number;
}

/** One field of a message; the accessors say which type the schema gives it and refuse another. */
class ProtoField {
  constructor(
    private readonly source: string,
    private readonly depth: number,
    readonly number: number,
    private readonly wire: number,
    private readonly content: bigint | Uint8Array,
  ) {}

  /** An int64 or an enum. */
  int64(): bigint {
    if (this.wire !== VARINT) throw this.mismatch('a whole number');
    return BigInt.asIntN(64, this.content as bigint);
  }

  /** An int64 as a number; beyond 2^53 the nearest one. */
  int(): number {
    return Number(this.int64());
  }

  float(): number {
    if (this.wire !== FIXED32) throw this.mismatch('a 32-bit float');
    return view(this.content as Uint8Array).getFloat32(0, true);
  }

  bytes(): Uint8Array {
    if (this.wire !== BYTES) throw this.mismatch('a sequence of bytes');
    return this.content as Uint8Array;
  }

  text(): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.bytes());
    } catch (error) {
      throw error instanceof UserError ? error : broken(this.source, `field ${this.number} is no valid UTF-8`);
    }
  }

  /** The fields of an embedded message. */
  fields(): Generator<ProtoField> {
    return protoFields(this.bytes(), this.source, this.depth + 1);
  }

  /** Appends one occurrence of a repeated int64, packed or not. */
  pushInt64s(to: bigint[]): void {
    if (this.wire === VARINT) to.push(this.int64());
    else {
      const cursor = new Cursor(this.bytes(), this.source);
      while (!cursor.done) to.push(BigInt.asIntN(64, varint(cursor, this.source)));
    }
  }

  /** Appends one occurrence of a repeated float (4 bytes) or double (8 bytes), packed or not. */
  pushFloats(to: number[], size: 4 | 8): void {
    const single = this.wire === (size === 4 ? FIXED32 : FIXED64);
    const bytes = single ? (this.content as Uint8Array) : this.bytes();
    if (bytes.length % size !== 0) throw this.mismatch(`a list of ${size * 8}-bit floats`);
    const data = view(bytes);
    for (let at = 0; at < bytes.length; at += size) {
      to.push(size === 4 ? data.getFloat32(at, true) : data.getFloat64(at, true));
    }
  }

  private mismatch(expected: string): UserError {
    return broken(this.source, `field ${this.number} is not ${expected}`);
  }
}

export type { ProtoField };

class Cursor {
  private at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly source: string,
  ) {}

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    return this.take(1)[0];
  }

  take(length: number): Uint8Array {
    const left = this.bytes.length - this.at;
    if (length > left) throw broken(this.source, `a field of ${length} bytes has only ${left}; the file seems cut off`);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

/** Unsigned, up to 64 bits. */
function varint(cursor: { byte(): number }, source: string): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = cursor.byte();
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) {
      if (value >= 2n ** 64n) break;
      return value;
    }
  }
  throw broken(source, 'a number takes more than 64 bits');
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function broken(source: string, what: string): UserError {
  return new UserError(
    `${source} is no intact protobuf (ONNX) file: ${what}. Get it again, or check that it is the right file`,
  );
}
