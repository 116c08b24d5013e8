/** Square planes [n,size,size] followed by their mirror images: [2 n,size,size] (columns become size-1-x). */
export function withMirror(planes: Float32Array, size: number): Float32Array {
  const both = new Float32Array(2 * planes.length);
  both.set(planes);
  const mirrored = both.subarray(planes.length);
  mirrored.set(planes);
  for (let row = 0; row < mirrored.length; row += size) mirrored.subarray(row, row + size).reverse();
  return both;
}

/** The sigmoid of the mean of the logits of an image and the mirrored-back logits of its mirror image: [2,1,size,size] -> [size,size]. */
export function mirrorAveraged(logits: Float32Array, size: number): Float32Array {
  const out = new Float32Array(size * size);
  for (let row = 0; row < out.length; row += size) {
    const end = out.length + row + size - 1;
    for (let x = 0; x < size; x++) out[row + x] = 1 / (1 + Math.exp(-(logits[row + x] + logits[end - x]) / 2));
  }
  return out;
}
