import type { RgbImage } from '../base/raster.ts';
import { blend, type Color } from './canvas.ts';

// pictures get their letters from here, so that they look the same on every machine, with fonts or without

/** Printable ASCII from the space on: seven rows of five pixels each, a row as a digit to base 32. */
const GLYPHS =
  '0000000 4444404 aa00000 aavavaa 4fke5u4 op248j3 cik8lid 4400000 2488842 8422248 04lel40 044v440 0000c48 000v000 ' +
  '00000cc 11248gg ehjlphe 4c4444e eh1248v v2421he 26aiv22 vgu11he 68guhhe v124888 ehhehhe ehhf12c 0cc0cc0 0cc0c48 ' +
  '248g842 00v0v00 8421248 eh12404 eh1dlle ehhvhhh uhhuhhu ehggghe sihhhis vgguggv vgguggg ehgnhhf hhhvhhh e44444e ' +
  '72222ic hikokih ggggggv hrllhhh hhpljhh ehhhhhe uhhuggg ehhhlid uhhukih fgge11u v444444 hhhhhhe hhhhha4 hhhllla ' +
  'hha4ahh hhha444 v1248gv e88888e gg84211 e22222e 4ah0000 000000v 8420000 00e1fhf ggmphhu 00egghe 11djhhf 00ehvge ' +
  '698s888 fhhhf1e ggmphhh 40c444e 20622ic ggikoki c44444e 00qllhh 00mphhh 00ehhhe uhhhugg fhhhf11 00mpggg 00ege1u ' +
  '88s8896 00hhhjd 00hhha4 00hhlla 00ha4ah hhhhf1e 00v248v 2448442 4444444 8442448 008l200';
const glyphs = GLYPHS.split(' ').map(rows => [...rows].map(row => Number.parseInt(row, 32)));
/** For a character that is not there. */
const box = [31, 17, 17, 17, 17, 17, 31];

const DESCENDING = 'gpqy';
const DROP = 2;
const ADVANCE = 6;

/** Pixels from the top of a capital to the bottom of a descender. */
export const letterHeight = (scale: number): number => (7 + DROP) * scale;

/** Pixels across a text, without the gap after it. */
export const textWidth = (text: string, scale: number): number => (ADVANCE * [...text].length - 1) * scale;

/** Writes a line of text, in place; (x, y) is its upper left corner. What is off the canvas is cut off. */
export function drawText(canvas: RgbImage, x: number, y: number, text: string, color: Color, scale: number): void {
  for (const [i, character] of [...text].entries()) {
    const rows = glyphs[character.codePointAt(0)! - 32] ?? box;
    const top = y + (DESCENDING.includes(character) ? DROP * scale : 0);
    for (let v = 0; v < 7 * scale; v++) {
      const bits = rows[Math.floor(v / scale)];
      for (let u = 0; u < 5 * scale; u++) {
        const on = (bits >> (4 - Math.floor(u / scale))) & 1;
        if (on) blend(canvas, x + ADVANCE * scale * i + u, top + v, color, 1);
      }
    }
  }
}

/** A text cut to a width, three dots in place of its end where it is too long. */
export function fitText(text: string, width: number, scale: number): string {
  const room = Math.floor((width / scale + 1) / ADVANCE);
  const characters = [...text];
  return characters.length <= room ? text : `${characters.slice(0, Math.max(0, room - 3)).join('')}...`;
}
