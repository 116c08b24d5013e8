import sharp from 'sharp';
import type { RgbImage } from '../base/raster.ts';
import type { EncodedImage } from './types.ts';

/** A picture as the bytes of a PNG file. */
export const encodePng = ({ data, width, height }: RgbImage): Promise<Uint8Array> =>
  sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();

/**
 * A picture as a `data:` URI, shrunk to at most `maxWidth` pixels (default 360) and never enlarged. JPEG suits
 * photos; PNG keeps the hard cells of a small feature map.
 */
export async function encodeImage(
  image: RgbImage,
  options: { maxWidth?: number; format?: 'jpeg' | 'png' } = {},
): Promise<EncodedImage> {
  const { maxWidth = 360, format = 'jpeg' } = options;
  const raw = sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } });
  const sized = raw.resize({ width: Math.min(maxWidth, image.width), withoutEnlargement: true });
  const encoded =
    format === 'png'
      ? sized.png({ compressionLevel: 9 })
      : sized.jpeg({ quality: 82, mozjpeg: true, chromaSubsampling: '4:4:4' });
  const { data, info } = await encoded.toBuffer({ resolveWithObject: true });
  return { dataUri: `data:image/${format};base64,${data.toString('base64')}`, width: info.width, height: info.height };
}
