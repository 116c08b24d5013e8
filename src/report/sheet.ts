import sharp from 'sharp';
import type { RgbImage } from '../base/raster.ts';
import { blend, type Color } from './canvas.ts';
import { heatColors } from './heat.ts';
import { drawText, fitText, letterHeight, textWidth } from './lettering.ts';

const INK: Color = [32, 32, 36];
const SCALE = 2;
const GAP = 12;
/** Height of a scale of colours, px. */
const BAR = 10;
/** Columns side by side; more go below. */
const COLUMNS = 6;
const LINE = letterHeight(SCALE);

export interface SheetRow {
  /** One per column, all of the same size; undefined leaves the place empty. */
  pictures: readonly (RgbImage | undefined)[];
  /** Below the row. */
  caption?: string;
  /** Below each picture, by column. */
  captions?: readonly string[];
  /** The lowest cosine of a row of `similarityPicture`s, for the scale of their colours. */
  low?: number;
}

/**
 * Pictures of one size under their names, as a table on white.
 *
 * @param maxSide pictures with a longer side are shrunk to it, px
 */
export async function contactSheet(
  title: string,
  columns: readonly string[],
  rows: readonly SheetRow[],
  maxSide = 320,
): Promise<RgbImage> {
  const first = rows.flatMap(({ pictures }) => pictures.filter(picture => picture !== undefined))[0];
  const shrink = Math.min(1, maxSide / Math.max(first.width, first.height));
  const width = Math.max(1, Math.round(first.width * shrink));
  const height = Math.max(1, Math.round(first.height * shrink));
  const inBand = Math.min(columns.length, COLUMNS);
  const starts = Array.from({ length: Math.ceil(columns.length / inBand) }, (_, i) => i * inBand);
  const words = [...columns, ...rows.flatMap(({ captions = [] }) => captions)];
  const cell = Math.max(width, ...words.map(word => textWidth(word, SCALE)));
  const lines = (row: SheetRow) => (row.captions ? 1 : 0) + (row.caption ? 1 : 0);
  const below = (row: SheetRow) => (row.low === undefined ? 0 : BAR + 4) + lines(row) * (LINE + 4) + GAP;
  const bandHeight = LINE + 6 + rows.reduce((sum, row) => sum + height + 4 + below(row), 0);

  const sheet = blank(GAP + inBand * (cell + GAP), GAP + LINE + GAP + starts.length * bandHeight);
  const room = sheet.width - 2 * GAP;
  write(sheet, GAP, GAP, title, room);
  for (const [band, start] of starts.entries()) {
    const left = (column: number) => GAP + (column - start) * (cell + GAP);
    const shown = columns.slice(start, start + inBand);
    let top = GAP + LINE + GAP + band * bandHeight;
    for (const [i, name] of shown.entries()) write(sheet, left(start + i), top, name, cell);
    top += LINE + 6;
    for (const row of rows) {
      for (let i = start; i < start + shown.length; i++) {
        const picture = row.pictures[i];
        if (picture) paste(sheet, await resizePicture(picture, width, height), left(i), top);
      }
      let under = top + height + 4;
      if (row.captions) {
        for (let i = start; i < start + shown.length; i++) write(sheet, left(i), under, row.captions[i] ?? '', cell);
        under += LINE + 4;
      }
      if (row.low !== undefined) {
        drawBar(sheet, GAP, under, width);
        under += BAR + 4;
      }
      if (row.caption) write(sheet, GAP, under, row.caption, room);
      top += height + 4 + below(row);
    }
  }
  return sheet;
}

/** A `similarityPicture` with the scale of its colours and a line of text below it. */
export function withScale(picture: RgbImage, caption: string): RgbImage {
  const width = Math.max(picture.width, textWidth(caption, SCALE));
  const out = blank(width, picture.height + 6 + BAR + 4 + LINE + 2);
  paste(out, picture, 0, 0);
  drawBar(out, 0, picture.height + 6, picture.width);
  write(out, 0, picture.height + 6 + BAR + 4, caption, width);
  return out;
}

/** A picture at another size: cells stay hard squares where it grows, details are averaged where it shrinks. */
export async function resizePicture(picture: RgbImage, width: number, height: number): Promise<RgbImage> {
  if (picture.width === width && picture.height === height) return picture;
  const kernel = width >= picture.width && height >= picture.height ? 'nearest' : 'lanczos3';
  const data = await sharp(picture.data, { raw: { width: picture.width, height: picture.height, channels: 3 } })
    .resize({ width, height, fit: 'fill', kernel })
    .raw()
    .toBuffer();
  return { width, height, data };
}

const blank = (width: number, height: number): RgbImage => ({
  width,
  height,
  data: new Uint8Array(3 * width * height).fill(255),
});

const write = (canvas: RgbImage, x: number, y: number, text: string, room: number): void =>
  drawText(canvas, x, y, fitText(text, room, SCALE), INK, SCALE);

function paste(canvas: RgbImage, picture: RgbImage, x: number, y: number): void {
  for (let row = 0; row < picture.height; row++) {
    const line = picture.data.subarray(3 * row * picture.width, 3 * (row + 1) * picture.width);
    canvas.data.set(line, 3 * ((y + row) * canvas.width + x));
  }
}

function drawBar(canvas: RgbImage, left: number, top: number, width: number): void {
  for (let x = 0; x < width; x++) {
    const level = Math.round((255 * x) / Math.max(1, width - 1));
    const inside: Color = [heatColors[3 * level], heatColors[3 * level + 1], heatColors[3 * level + 2]];
    for (let y = 0; y < BAR; y++) {
      const rim = y === 0 || y === BAR - 1 || x === 0 || x === width - 1;
      blend(canvas, left + x, top + y, rim ? INK : inside, 1);
    }
  }
}
