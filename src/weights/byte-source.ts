import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { UserError } from '../base/errors.ts';

/** Bytes that are read by offset: of a file, or in memory. */
export interface ByteSource {
  /** What to call it in errors. */
  name: string;
  size: number;
  /** A copy of the bytes from `begin` on. @throws UserError where they reach beyond the end or memory does not suffice. */
  read(begin: number, length: number): Uint8Array<ArrayBuffer>;
}

/**
 * Opens a file for the time of a call.
 *
 * @param expected what the file should be, for errors.
 * @throws UserError where there is none, or it is a folder.
 */
export function withFile<T>(path: string, expected: string, use: (source: ByteSource) => T): T {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw new UserError(`cannot open ${path}: ${(error as Error).message}. Expected ${expected}`, { cause: error });
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new UserError(`cannot read ${path}: it is a folder. Expected ${expected}`);
    return use({
      name: path,
      size: stat.size,
      read: (begin, length) => readRange(file, path, stat.size, begin, length),
    });
  } finally {
    closeSync(file);
  }
}

/** Bytes in memory as a source. */
export function memorySource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    size: bytes.length,
    read(begin, length) {
      checkRange(name, bytes.length, begin, length);
      return new Uint8Array(bytes.subarray(begin, begin + length));
    },
  };
}

/** Zeros to be filled. @throws UserError where memory does not suffice. */
export function allocate(length: number, name: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length);
  } catch (error) {
    throw new UserError(`${name}: no memory for ${length} bytes at once. Ask for fewer or smaller tensors`, {
      cause: error,
    });
  }
}

/** The bytes that the content of a file may take in memory: repeated and packed data grow, but not without bound. */
export function memoryLimit(source: ByteSource): number {
  return 64 * source.size + 2 ** 28;
}

function readRange(file: number, name: string, size: number, begin: number, length: number): Uint8Array<ArrayBuffer> {
  checkRange(name, size, begin, length);
  const out = allocate(length, name);
  // one read call takes less than 2 GiB
  for (let at = 0; at < length; ) {
    const read = readSync(file, out, at, Math.min(length - at, 2 ** 30), begin + at);
    if (read === 0) throw new UserError(`${name} became shorter while it was read. Read it again when it is complete`);
    at += read;
  }
  return out;
}

function checkRange(name: string, size: number, begin: number, length: number): void {
  if (begin >= 0 && length >= 0 && begin + length <= size) return;
  throw new UserError(
    `${name} is cut off or damaged: bytes ${begin} to ${begin + length} are needed, it has ${size}. Get it again`,
  );
}

const WINDOW = 1 << 16;

/** Reads a part of a source from its beginning on, a window at a time. */
export class ByteCursor {
  private window: Uint8Array = new Uint8Array(0);
  private windowBegin = 0;

  /** @param end where it must stop. @param broken makes the error of reading beyond that. */
  constructor(
    private readonly source: ByteSource,
    private at: number,
    private readonly end: number,
    private readonly broken: (what: string) => UserError,
  ) {}

  /** Offset in the source. */
  get position(): number {
    return this.at;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  byte(): number {
    this.need(1);
    const index = this.at - this.windowBegin;
    this.at++;
    return this.window[index];
  }

  /** Valid until the next call. */
  take(length: number): Uint8Array {
    this.need(length);
    const index = this.at - this.windowBegin;
    this.at += length;
    return this.window.subarray(index, index + length);
  }

  skip(length: number): void {
    this.check(length);
    this.at += length;
  }

  private need(length: number): void {
    this.check(length);
    if (this.at >= this.windowBegin && this.at + length <= this.windowBegin + this.window.length) return;
    this.windowBegin = this.at;
    this.window = this.source.read(this.at, Math.min(Math.max(length, WINDOW), this.end - this.at));
  }

  private check(length: number): void {
    if (length <= this.end - this.at) return;
    throw this.broken(
      `it ends where ${length} more bytes are needed, only ${this.end - this.at} are left; it seems cut off`,
    );
  }
}
