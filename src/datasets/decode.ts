import sharp from 'sharp';
import { UserError } from '../base/errors.ts';
import type { Grid, RgbImage } from '../base/raster.ts';
import { decodeBmp, isBmp } from './bmp.ts';
import { readBytes } from './bytes.ts';
import { indicesAsGrey, pngDepth, pngPalette } from './png-palette.ts';

/**
 * Reads a JPEG, PNG, WebP or BMP file (told by its content) as 8-bit RGB: grey is repeated, alpha is
 * dropped, colour profiles are not applied. Turned upright by its EXIF orientation. All of this as
 * OpenCV's `imread` does it, with which the field's datasets are read.
 *
 * @throws UserError where the file is missing, damaged, cut off or of another kind
 */
export async function decodeImage(path: string): Promise<RgbImage> {
  const bytes = await readBytes(path);
  if (!isBmp(bytes)) return decodeWithSharp(bytes, path);
  const { width, height, palette, data } = decodeBmp(bytes, path);
  if (!palette) return { width, height, data };
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = palette[data[i] * 3 + c];
  }
  return { width, height, data: rgb };
}

/**
 * Reads a label map: one value 0..255 per pixel. With a coloured palette that is the palette index,
 * else the grey value: of a grey picture, of a palette of greys, or of RGB with equal channels.
 *
 * @throws UserError as `decodeImage`, and where the pixels are coloured or have 16 bits
 */
export async function decodeMask(path: string): Promise<Grid<Uint8Array>> {
  const bytes = await readBytes(path);
  if (isBmp(bytes)) {
    const { width, height, palette, data } = decodeBmp(bytes, path);
    if (!palette) return greyOf({ width, height, data }, path);
    return { width, height, data: isGrey(palette) ? data.map(index => palette[index * 3]) : data };
  }
  if (formatOf(bytes) === 'png') {
    if (pngDepth(bytes) === 16) {
      throw new UserError(`cannot use ${path} as a mask: it has 16 bits per channel, expected 8. Save it as 8-bit PNG`);
    }
    const palette = pngPalette(bytes);
    if (palette && !isGrey(palette)) {
      const { width, height, data } = greyOf(await decodeWithSharp(indicesAsGrey(bytes), path), path);
      const step = 255 / (2 ** pngDepth(bytes) - 1);
      return { width, height, data: data.map(value => value / step) };
    }
  }
  return greyOf(await decodeWithSharp(bytes, path), path);
}

async function decodeWithSharp(bytes: Uint8Array, path: string): Promise<RgbImage> {
  if (!formatOf(bytes)) {
    throw new UserError(
      `cannot read ${path}: its content is ${bytes.length === 0 ? 'empty' : 'not an image we know'}, ` +
        'expected JPEG, PNG, WebP or BMP. Get the file again or convert it',
    );
  }
  try {
    const { data, info } = await sharp(bytes, { failOn: 'error', ignoreIcc: true, autoOrient: true })
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data };
  } catch (error) {
    const reason = (error as Error).message.trim().replaceAll('\n', '; ');
    throw new UserError(`cannot read ${path}: the image is damaged or cut off (${reason}). Get the file again`, {
      cause: error,
    });
  }
}

function formatOf(bytes: Uint8Array): 'jpeg' | 'png' | 'webp' | undefined {
  const head = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (head.startsWith('RIFF') && head.endsWith('WEBP')) return 'webp';
  return undefined;
}

function greyOf({ width, height, data }: RgbImage, path: string): Grid<Uint8Array> {
  if (!isGrey(data)) {
    throw new UserError(
      `cannot use ${path} as a mask: its pixels are coloured, expected grey values or palette indices. ` +
        'Check that it is a mask and not a photo or a colour preview',
    );
  }
  const grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i++) grey[i] = data[i * 3];
  return { width, height, data: grey };
}

function isGrey(rgb: Uint8Array): boolean {
  for (let i = 0; i < rgb.length; i += 3) {
    if (rgb[i] !== rgb[i + 1] || rgb[i] !== rgb[i + 2]) return false;
  }
  return true;
}
