import { createHash } from 'node:crypto';
import { dtypeOf, type TensorData } from './dtypes.ts';

/** SHA-256 (hex) over the names, types, shapes and bytes of weights, whatever their order in the map: what a run folder notes. */
export function weightsHash(weights: ReadonlyMap<string, { shape: readonly number[]; data: TensorData }>): string {
  const hash = createHash('sha256');
  for (const name of [...weights.keys()].sort()) {
    const { shape, data } = weights.get(name)!;
    // a name cannot imitate the bytes of another tensor: the lengths follow from the line
    hash.update(`${JSON.stringify([name, dtypeOf(data), shape, data.byteLength])}\n`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
