/** Square planes [n,size,size] followed by their mirror images: [2 n,size,size] (columns become size-1-x). */
export function withMirror(planes: Float32Array, size: number): Float32Array {
  const both = new Float32Array(2 * planes.length);
  both.set(planes);
  const mirrored = both.subarray(planes.length);
  mirrored.set(planes);
  for (let row = 0; row < mirrored.length; row += size) mirrored.subarray(row, row + size).reverse();
  return both;
}
