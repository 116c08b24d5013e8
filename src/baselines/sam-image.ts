import sharp from 'sharp';
import type { RgbImage } from '../base/raster.ts';
import type { Size } from '../interaction/zoom.ts';

/** Side of the encoder's input, px. */
export const SAM_SIDE = 1024;

// ImageNet's, on 0..255, as SAM's code has them
const MEAN = [123.675, 116.28, 103.53];
const STD = [58.395, 57.12, 57.375];

/** The size of a picture in the encoder's input: the longer side is 1024, halves round up. */
export function samSize({ width, height }: { width: number; height: number }): Size {
  const scale = SAM_SIDE / Math.max(width, height);
  return [Math.max(1, Math.floor(height * scale + 0.5)), Math.max(1, Math.floor(width * scale + 0.5))];
}

/**
 * A picture as SAM's encoder takes it (Kirillov et al. 2023, arXiv 2304.02643): resized bilinearly in 8 bits,
 * normalised, at the left top of [1, 3, 1024, 1024], zeros beside it.
 */
export async function samInput({ width, height, data }: RgbImage): Promise<Float32Array> {
  const [rows, columns] = samSize({ width, height });
  const pixels = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(columns, rows, { fit: 'fill', kernel: 'linear' })
    .raw()
    .toBuffer();
  const out = new Float32Array(3 * SAM_SIDE * SAM_SIDE);
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < rows; y++) {
      const row = (channel * SAM_SIDE + y) * SAM_SIDE;
      for (let x = 0; x < columns; x++) {
        out[row + x] = (pixels[(y * columns + x) * 3 + channel] - MEAN[channel]) / STD[channel];
      }
    }
  }
  return out;
}
