import { endianness } from 'node:os';
import { inflateSync } from 'node:zlib';
import { UserError } from '../base/errors.ts';
import { readBytes } from './bytes.ts';

// The format: "MAT-File Format", MathWorks; version 5 (also written by -v6 and -v7). A file is a header and elements;
// an element is a tag (type, size) and its data; an array is an element whose data are elements again.

/** An array of a MATLAB file. Its content stays undecoded until `matNumbers`, `matText`, `matField` or `matCell` asks for it. */
export interface MatArray {
  /** MATLAB's name of the class: "struct", "cell", "uint8", "double", ... */
  className: string;
  /** Rows, columns, further sizes. */
  dims: number[];
  isComplex: boolean;
  content: Source;
}

/** A run of elements. */
interface Source {
  bytes: Buffer;
  bigEndian: boolean;
  /** The file and the place in it, for messages. */
  where: string;
}

interface Element {
  type: number;
  data: Source;
  /** Where the next element starts. */
  next: number;
}

type Numbers =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

interface Storage {
  BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer): Numbers | BigInt64Array | BigUint64Array;
}

const headerSize = 128;
const matrixType = 14;
const compressedType = 15;
/** Far more than any dataset needs; a damaged or hostile file must not fill the memory. */
const maxInflatedBytes = 2 ** 26;

const classNames =
  ',cell,struct,object,char,sparse,double,single,int8,uint8,int16,uint16,int32,uint32,int64,uint64,function,opaque'.split(
    ',',
  );
const numericClasses = new Set(classNames.slice(classNames.indexOf('double'), classNames.indexOf('function')));

/** The types in which characters are stored, with their bytes: uint8, uint16, UTF-8, UTF-16. */
const characterSizes = new Map([
  [2, 1],
  [4, 2],
  [16, 1],
  [17, 2],
]);

/** The types in which numbers are stored; MATLAB takes a small one where the values allow it, whatever the class. */
const storageTypes = new Map<number, Storage>([
  [1, Int8Array],
  [2, Uint8Array],
  [3, Int16Array],
  [4, Uint16Array],
  [5, Int32Array],
  [6, Uint32Array],
  [7, Float32Array],
  [9, Float64Array],
  [12, BigInt64Array],
  [13, BigUint64Array],
]);

/**
 * Reads variable `name` of a MATLAB file of version 5 (what `save` writes, but for -v7.3 and -v4).
 *
 * @throws UserError where the file is missing, damaged, cut off or of another kind, or has no such variable
 */
export async function readMatVariable(path: string, name: string): Promise<MatArray> {
  const bytes = await readBytes(path);
  const file: Source = { bytes, bigEndian: isBigEndian(bytes, path), where: path };
  const others: string[] = [];
  for (let at = headerSize; at < bytes.length; ) {
    const element = elementAt(file, at);
    const { name: found, array } = parseArray(element.type === compressedType ? inflate(element) : element);
    if (found === name) return { ...array, content: { ...array.content, where: `${name} in ${path}` } };
    others.push(found);
    at = element.next;
  }
  throw new UserError(`${path} has no variable ${name}; found ${listed(others)}. Check that it is the right file`);
}

/** Field `name` of element `index` of a struct array. @throws UserError where there is none, or the file is damaged. */
export function matField(array: MatArray, name: string, index = 0): MatArray {
  const { content } = expectClass(array, 'struct');
  const nameSize = elementAt(content, 0);
  const size = readUint32(nameSize.data, 0);
  const { data: names, next } = elementAt(content, nameSize.next);
  if (size === 0 || names.bytes.length % size !== 0) throw damaged(content, 'its field names are cut off');
  const count = names.bytes.length / size;
  const nameOf = (i: number) => names.bytes.toString('latin1', i * size, (i + 1) * size).split('\0')[0];
  let field = 0;
  while (field < count && nameOf(field) !== name) field++;
  if (field === count) {
    const some = Array.from({ length: Math.min(count, 9) }, (_, i) => nameOf(i));
    throw new UserError(
      `${content.where} has no field ${name}; found ${listed(some)}. Check that it is the right file`,
    );
  }
  return nested(array, { at: next, index, skip: index * count + field, where: `${name} of ${content.where}` });
}

/** Element `index`, in column order, of a cell array. @throws UserError where there is none, or the file is damaged. */
export function matCell(array: MatArray, index: number): MatArray {
  const { content } = expectClass(array, 'cell');
  return nested(array, { at: 0, index, skip: index, where: `cell ${index} of ${content.where}` });
}

/**
 * The numbers of a numeric or logical array, in column order: a copy in the type they are stored in, which may be
 * smaller than the class (whole doubles are often stored as uint8). 64-bit integers come as doubles, exact to 2^53.
 *
 * @throws UserError where it is of another class, complex or damaged
 */
export function matNumbers({ className, dims, isComplex, content }: MatArray): Numbers {
  if (!numericClasses.has(className) || isComplex) {
    const given = isComplex ? `complex ${className}` : className;
    throw new UserError(`${content.where} is ${given}, expected real numbers. Check that it is the right file`);
  }
  const count = product(dims);
  if (count === 0) return new Float64Array(0);
  const { type, data } = elementAt(content, 0);
  const Storage = storageTypes.get(type);
  if (!Storage || data.bytes.length !== count * Storage.BYTES_PER_ELEMENT) {
    throw damaged(content, `${data.bytes.length} bytes of type ${type} are not ${dims.join('x')} numbers`);
  }
  const { buffer } = new Uint8Array(data.bytes);
  if (data.bigEndian !== (endianness() === 'BE')) swapBytes(Buffer.from(buffer), Storage.BYTES_PER_ELEMENT);
  const numbers = new Storage(buffer);
  return numbers instanceof BigInt64Array || numbers instanceof BigUint64Array
    ? Float64Array.from(numbers, Number)
    : numbers;
}

/** The characters of a text. @throws UserError where it is none, or damaged */
export function matText(array: MatArray): string {
  const { content } = expectClass(array, 'char');
  if (product(array.dims) === 0) return '';
  const { type, data } = elementAt(content, 0);
  const unit = characterSizes.get(type);
  if (unit === undefined) throw damaged(content, `characters of type ${type}`);
  const bytes = Buffer.from(data.bytes);
  if (unit === 2 && data.bigEndian) bytes.swap16();
  return bytes.toString(unit === 1 ? 'utf8' : 'utf16le');
}

function isBigEndian(bytes: Buffer, path: string): boolean {
  const mark = bytes.toString('latin1', 126, headerSize);
  const bigEndian = mark === 'MI';
  const major = bytes.length < headerSize ? 0 : bytes[bigEndian ? 124 : 125];
  if ((mark !== 'IM' && !bigEndian) || major !== 1) {
    const given = bytes.length === 0 ? 'empty' : major === 2 ? 'one of version 7.3' : 'not one';
    throw new UserError(
      `cannot read ${path}: expected a MATLAB file of version 5, its content is ${given}. ` +
        "Get the file again, or save it with MATLAB's save -v7",
    );
  }
  return bigEndian;
}

function elementAt(source: Source, at: number): Element {
  const { bytes } = source;
  const head = readUint32(source, at);
  // up to four bytes of data may stand in the tag: size and type share its first half
  const small = head >>> 16;
  const type = small ? head & 0xffff : head;
  const size = small || readUint32(source, at + 4);
  const start = small ? at + 4 : at + 8;
  if (small > 4) throw damaged(source, `a short element has ${small} bytes`);
  if (start + size > bytes.length) throw damaged(source, 'it ends within an element');
  const padded = type === compressedType ? size : Math.ceil(size / 8) * 8;
  return {
    type,
    data: { ...source, bytes: bytes.subarray(start, start + size) },
    next: small ? at + 8 : start + padded,
  };
}

function inflate({ data }: Element): Element {
  try {
    const bytes = inflateSync(data.bytes, { maxOutputLength: maxInflatedBytes });
    return elementAt({ ...data, bytes }, 0);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const tooLarge = code === 'ERR_BUFFER_TOO_LARGE';
    throw damaged(data, tooLarge ? `a variable has more than ${maxInflatedBytes} bytes` : message, error);
  }
}

function parseArray({ type, data }: Element): { name: string; array: MatArray } {
  if (type !== matrixType) throw damaged(data, `expected an array, found an element of type ${type}`);
  // the empty matrix [] may be written without any header
  if (data.bytes.length === 0) {
    return { name: '', array: { className: 'double', dims: [0, 0], isComplex: false, content: data } };
  }
  const flags = elementAt(data, 0);
  const bits = readUint32(flags.data, 0);
  const className = classNames[bits & 0xff];
  if (!className) throw damaged(data, `an array has the unknown class ${bits & 0xff}`);
  let at = flags.next;
  const dims: number[] = [];
  // opaque objects (string, table, ...) have no sizes
  if (className !== 'opaque') {
    const sizes = elementAt(data, at);
    for (let i = 0; i < sizes.data.bytes.length; i += 4) dims.push(readUint32(sizes.data, i));
    if (dims.length < 2) throw damaged(data, `an array has ${dims.length} sizes, expected at least 2`);
    at = sizes.next;
  }
  const name = elementAt(data, at);
  return {
    name: name.data.bytes.toString('latin1'),
    array: {
      className,
      dims,
      isComplex: (bits & 0x800) !== 0,
      content: { ...data, bytes: data.bytes.subarray(name.next) },
    },
  };
}

/** The array `skip` elements after `at`, which belongs to element `index` of `parent`. */
function nested(
  { dims, content }: MatArray,
  { at, index, skip, where }: { at: number; index: number; skip: number; where: string },
): MatArray {
  if (!(Number.isInteger(index) && index >= 0 && index < product(dims))) {
    throw new UserError(
      `${content.where} has no element ${index}: it is ${dims.join('x')}. Check that it is the right file`,
    );
  }
  let element = elementAt(content, at);
  for (let i = 0; i < skip; i++) element = elementAt(content, element.next);
  return parseArray({ ...element, data: { ...element.data, where } }).array;
}

function expectClass(array: MatArray, expected: string): MatArray {
  const { className, content } = array;
  if (className === expected) return array;
  throw new UserError(`${content.where} is ${className}, expected ${expected}. Check that it is the right file`);
}

function readUint32(source: Source, at: number): number {
  const { bytes, bigEndian } = source;
  if (at + 4 > bytes.length) throw damaged(source, 'it ends within an element');
  return bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
}

function swapBytes(buffer: Buffer, size: number): void {
  if (size === 2) buffer.swap16();
  if (size === 4) buffer.swap32();
  if (size === 8) buffer.swap64();
}

function product(dims: readonly number[]): number {
  return dims.reduce((a, b) => a * b, 1);
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  return names.slice(0, 8).join(', ') + (names.length > 8 ? ', ...' : '');
}

function damaged({ where }: Source, reason: string, cause?: unknown): UserError {
  return new UserError(`cannot read ${where}: the MATLAB file is damaged or cut off (${reason}). Get the file again`, {
    cause,
  });
}
