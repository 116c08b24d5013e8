/** A map of features and what it should be, [C,cells] each. */
export interface Pair {
  map: Float32Array;
  target: Float32Array;
}

/**
 * Cosine and mean squared error after every channel was scaled and shifted in the best way for these very maps (least
 * squares). What an upsampler gains beyond this is no matter of statistics alone.
 */
export function scoreFitted(pairs: readonly Pair[], channels: number): { cosine: number; mse: number } {
  const { scale, shift } = fitChannels(pairs, channels);
  let [cosine, mse, places] = [0, 0, 0];
  for (const { map, target } of pairs) {
    const cells = map.length / channels;
    for (let i = 0; i < cells; i++, places++) {
      let [product, mapSquares, targetSquares, squares] = [0, 0, 0, 0];
      for (let c = 0; c < channels; c++) {
        const x = scale[c] * map[c * cells + i] + shift[c];
        const y = target[c * cells + i];
        product += x * y;
        mapSquares += x * x;
        targetSquares += y * y;
        squares += (x - y) ** 2;
      }
      cosine += product / Math.max(1e-12, Math.sqrt(mapSquares * targetSquares));
      mse += squares / channels;
    }
  }
  return { cosine: cosine / places, mse: mse / places };
}

function fitChannels(pairs: readonly Pair[], channels: number): { scale: Float64Array; shift: Float64Array } {
  const scale = new Float64Array(channels);
  const shift = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    let [n, x, y, xx, xy] = [0, 0, 0, 0, 0];
    for (const { map, target } of pairs) {
      const cells = map.length / channels;
      for (let i = c * cells; i < (c + 1) * cells; i++, n++) {
        x += map[i];
        y += target[i];
        xx += map[i] * map[i];
        xy += map[i] * target[i];
      }
    }
    const variance = xx - (x * x) / n;
    scale[c] = variance > 0 ? (xy - (x * y) / n) / variance : 0;
    shift[c] = (y - scale[c] * x) / n;
  }
  return { scale, shift };
}
