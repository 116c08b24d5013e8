import type { Random } from '../../base/random.ts';

/** A colour in linear light, each channel 0..1 (more where it glows). */
export type Rgb = readonly [number, number, number];

/** Hand-picked sets of colours that go together: pigments, fabrics, stones and plants rather than pure hues. */
const palettes: readonly (readonly Rgb[])[] = [
  'e8dcc4 c9a36b 8c5a3c 5b7f77 b4512f 2f3b40',
  '2e3d2a 5a6b3b 8a8f57 b7a878 6b4f36 d9cfb0',
  '1f3a4d 3f6f86 7fa7b0 c7d3cf d8b98a 8c6b52',
  '7a3b1f b5652b d29a4a e6cf9c 5c5a3a 38302a',
  'd7c3c0 b9c4c9 c9cfb4 e3d6bd a99bab 7f8c94',
  'a65b46 c98468 dfb79b 6e4b42 8a8577 ece1d0',
  '3a3d42 6b6f75 9aa0a3 c4c6c3 8b6f5a b23a32',
  'b23a3a d98e32 e3c65b 5d8a4c 37688a 6b3f63',
  '26364f 4a6286 8397b0 cfd3d6 b98d60 7a3b34',
  '5a2238 8e3b52 c77d80 e5c9b9 4a5a4a 2b2a30',
  'e6ebee b8c6d1 8297a8 4f6272 2f3a44 a5534a',
  '403a2c 6f6a3f a3a05a d6cf9a c07f4a 7c8f8a',
  '2f5d57 5e9a8d a9c9b6 f0e3c8 e0a266 a8553f',
  '4b3b57 77628a ab97b4 dccfd6 c9a45f 56695c',
].map(line => line.split(' ').map(fromHex));

export function drawPalette(random: Random): readonly Rgb[] {
  return random.pick(palettes);
}

/** "rrggbb" in sRGB to linear light. */
export function fromHex(hex: string): Rgb {
  const channel = (at: number) => {
    const v = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  };
  return [channel(0), channel(2), channel(4)];
}

export function mix(a: Rgb, b: Rgb, t: number): Rgb {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

/** Moves a colour in OKLab (Ottosson 2020), where equal steps look equal: lightness 0..1, `a` and `b` about +-.3. */
export function shift(colour: Rgb, lightness: number, a = 0, b = 0): Rgb {
  const lab = toOklab(colour);
  return fromOklab(Math.min(0.97, Math.max(0.1, lab[0] + lightness)), lab[1] + a, lab[2] + b);
}

/** A quieter colour: its chroma times `chroma`, its OKLab lightness held between .36 and .9. */
export function mute(colour: Rgb, chroma: number): Rgb {
  const [lightness, a, b] = toOklab(colour);
  return fromOklab(Math.min(0.9, Math.max(0.36, lightness)), a * chroma, b * chroma);
}

/** A near colour: `amount` is the standard deviation in OKLab. */
export function jitter(random: Random, colour: Rgb, amount: number): Rgb {
  return shift(colour, random.normal() * amount, random.normal() * amount * 0.5, random.normal() * amount * 0.5);
}

/** Distance of two colours in OKLab; about .02 is just noticeable. */
export function difference(p: Rgb, q: Rgb): number {
  const a = toOklab(p);
  const b = toOklab(q);
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

function toOklab([r, g, b]: Rgb): [number, number, number] {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function fromOklab(lightness: number, a: number, b: number): Rgb {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clamp = (v: number) => Math.min(1, Math.max(0, v));
  return [
    clamp(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    clamp(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    clamp(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}
