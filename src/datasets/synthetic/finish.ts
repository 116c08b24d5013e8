import type { Random } from '../../base/random.ts';
import type { RgbImage } from '../../base/raster.ts';
import type { Canvas } from './canvas.ts';
import type { Rgb } from './color.ts';

/** sRGB values 0..255 (not rounded) of linear light 0..1 in 4096 steps. */
const encode = Float32Array.from({ length: 4097 }, (_, i) => {
  const v = i / 4096;
  return 255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);
});

/** What the camera does: exposure, white balance, vignette, slight blur, sensor noise; then 8-bit sRGB. */
export function develop(random: Random, canvas: Canvas): RgbImage {
  const warmth = random.uniform(-0.1, 0.12);
  const exposure = random.uniform(0.88, 1.12);
  const balance: Rgb = [exposure * (1 + warmth), exposure, exposure * (1 - warmth)];
  const vignette = random.chance(0.6) ? random.uniform(0.1, 0.4) : 0;
  const noise = random.chance(0.8) ? random.uniform(0.5, 4) : 0;
  soften(canvas, random.uniform(0, 0.14));
  return expose(random, canvas, balance, vignette, noise);
}

/** Weights `side`, 1 - 2 side, `side` along rows, then along columns. */
function soften({ width, height, data }: Canvas, side: number): void {
  const filter = (start: number, step: number, count: number) => {
    let before = data[start];
    for (let i = 0, at = start; i < count; i++, at += step) {
      const here = data[at];
      const after = i + 1 < count ? data[at + step] : here;
      data[at] = here + side * (before + after - 2 * here);
      before = here;
    }
  };
  for (let y = 0; y < height; y++) for (let c = 0; c < 3; c++) filter(y * width * 3 + c, 3, width);
  for (let x = 0; x < width * 3; x++) filter(x, width * 3, height);
}

function expose(random: Random, { width, height, data }: Canvas, balance: Rgb, vignette: number, noise: number) {
  const image: RgbImage = { width, height, data: new Uint8Array(data.length) };
  for (let y = 0, at = 0; y < height; y++) {
    const dy = (2 * y) / height - 1;
    for (let x = 0; x < width; x++) {
      const dx = (2 * x) / width - 1;
      const falloff = 1 - vignette * 0.5 * (dx * dx + dy * dy);
      // Four uniform bytes: their sum is nearly normal and serves all channels, single bytes colour it a little.
      const bits = noise > 0 ? random.uint32() : 0x80808080;
      const [p, q, r, s] = [bits & 255, (bits >>> 8) & 255, (bits >>> 16) & 255, bits >>> 24];
      const grey = (p + q + r + s - 510) / 147;
      for (let c = 0; c < 3; c++, at++) {
        const light = data[at] * balance[c] * falloff;
        // Above .8 the highlights roll off instead of clipping.
        const kept = light <= 0.8 ? light : 1 - 0.2 / (1 + (light - 0.8) * 5);
        const grain = noise * (0.7 * grey + ((c === 0 ? p : c === 1 ? q : r) - 127.5) / 150);
        image.data[at] = Math.min(255, Math.max(0, encode[(kept * 4096) | 0] + grain + 0.5));
      }
    }
  }
  return image;
}
