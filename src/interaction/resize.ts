/** A plane of numbers inside an array: pixel (y, x) is at `offset + y * rowStride + x * pixelStride`. */
export interface Plane<T extends Uint8Array | Float32Array = Float32Array> {
  data: T;
  offset: number;
  rowStride: number;
  pixelStride: number;
  height: number;
  width: number;
}

/**
 * Bilinear resizing with align_corners = true: the corner pixels of both planes coincide. A plane of the same size is
 * copied exactly.
 */
export function resizeBilinear(from: Plane<Uint8Array | Float32Array>, to: Plane): void {
  const rows = taps(from.height, to.height);
  const columns = taps(from.width, to.width);
  const { data } = from;
  const left = columns.low.map(x => x * from.pixelStride);
  const right = columns.high.map(x => x * from.pixelStride);
  for (let y = 0; y < to.height; y++) {
    const above = from.offset + rows.low[y] * from.rowStride;
    const below = from.offset + rows.high[y] * from.rowStride;
    const v = rows.weight[y];
    let out = to.offset + y * to.rowStride;
    for (let x = 0; x < to.width; x++) {
      const u = columns.weight[x];
      const upper = (1 - u) * data[above + left[x]] + u * data[above + right[x]];
      const lower = (1 - u) * data[below + left[x]] + u * data[below + right[x]];
      to.data[out] = (1 - v) * upper + v * lower;
      out += to.pixelStride;
    }
  }
}

/**
 * Per output position the two input positions and the weight of the second. The scale and the weights are rounded to
 * float32, the positions are not: what PyTorch's fused multiply-add comes to. It decides on which side of 0.5 a
 * probability falls.
 */
function taps(from: number, to: number): { low: Int32Array; high: Int32Array; weight: Float32Array } {
  const low = new Int32Array(to);
  const high = new Int32Array(to);
  const weight = new Float32Array(to);
  const scale = to > 1 ? Math.fround((from - 1) / (to - 1)) : 0;
  for (let i = 0; i < to; i++) {
    const position = from === to ? i : scale * i;
    low[i] = Math.min(Math.floor(position), from - 1);
    high[i] = Math.min(low[i] + 1, from - 1);
    weight[i] = position - low[i];
  }
  return { low, high, weight };
}
