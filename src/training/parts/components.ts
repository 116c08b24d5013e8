import type { Mask } from '../../base/raster.ts';

/** The connected regions of a mask (8 neighbours), each as its pixels; in the order of their first pixels, row by row. */
export function components({ width, height, data }: Mask): Int32Array[] {
  const seen = new Uint8Array(data.length);
  const found: Int32Array[] = [];
  const queue = new Int32Array(data.length);
  for (let start = 0; start < data.length; start++) {
    if (data[start] === 0 || seen[start]) continue;
    let end = 0;
    queue[end++] = start;
    seen[start] = 1;
    for (let next = 0; next < end; next++) {
      const [x, y] = [queue[next] % width, Math.floor(queue[next] / width)];
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const i = v * width + u;
          if (data[i] === 0 || seen[i]) continue;
          seen[i] = 1;
          queue[end++] = i;
        }
      }
    }
    found.push(queue.slice(0, end));
  }
  return found;
}
