import { writeFileAtomic } from '../base/files.ts';

/**
 * Writes float32 numbers, row-major, as a .npy file of NumPy (format 1.0), atomically and without a copy.
 *
 * @throws RangeError where shape and data disagree; UserError where the place cannot be written
 */
export function writeNpy(path: string, shape: readonly number[], data: Float32Array): void {
  const size = shape.reduce((product, n) => product * n, 1);
  if (size !== data.length) throw new RangeError(`shape [${shape}] has ${size} elements, the data ${data.length}`);
  writeFileAtomic(path, [npyHeader(shape), new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}

/** Magic, version, length of the rest, a Python literal padded so that the data begin at a multiple of 64 bytes. */
function npyHeader(shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const literal = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }`;
  const length = Math.ceil((10 + literal.length + 1) / 64) * 64;
  const header = Buffer.alloc(length, ' ');
  header.write('\x93NUMPY\x01\x00', 'latin1');
  header.writeUInt16LE(length - 10, 8);
  header.write(literal, 10, 'latin1');
  header.write('\n', length - 1);
  return header;
}
