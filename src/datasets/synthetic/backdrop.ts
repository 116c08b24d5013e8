import type { Random } from '../../base/random.ts';
import { type Canvas, createCanvas, darken, enlarge, stamp } from './canvas.ts';
import { drawPalette, jitter, mix, mute, type Rgb, shift } from './color.ts';
import { type Contour, ellipse, polygon, smooth, transform } from './contour.ts';
import { blur, coverageOf } from './coverage.ts';
import { type Field, fractalNoise } from './noise.ts';
import { drawTexture, meanColour, type PatternName, type Texture } from './texture.ts';

/** What objects are put in front of. */
export interface Backdrop {
  canvas: Canvas;
  /** Its colours and its pattern, for objects that are to blend in. */
  colours: readonly Rgb[];
  pattern: PatternName;
  /** Row where the ground begins; without it the scene is seen from above. */
  horizon?: number;
}

interface Size {
  width: number;
  height: number;
  /** Pixels of this picture per pixel of a 384x288 one. */
  unit: number;
}

/** Draws a table top, a littered ground, lights out of focus, a room or a landscape; sometimes out of focus. */
export function drawBackdrop(random: Random, width: number, height: number): Backdrop {
  const kind = random.pick([tableTop, tableTop, tableTop, litter, litter, lights, room, room, landscape, landscape]);
  const blurred = kind === lights || random.chance(0.25) ? random.pick([2, 2, 3]) : 1;
  const size: Size = {
    width: Math.ceil(width / blurred),
    height: Math.ceil(height / blurred),
    unit: Math.min(width / 384, height / 288) / blurred,
  };
  const backdrop = kind(random, size);
  illuminate(random, backdrop.canvas);
  if (blurred === 1) return backdrop;
  const canvas = enlarge(backdrop.canvas, blurred, width, height);
  return { ...backdrop, canvas, horizon: backdrop.horizon && backdrop.horizon * blurred };
}

/** Three related colours of one palette, none of them loud: what lies behind should not shout. */
function drawColours(random: Random): Rgb[] {
  const palette = drawPalette(random).map(c => mute(c, 0.75));
  const base = jitter(random, random.pick(palette), 0.03);
  const other = random.chance(0.5)
    ? shift(base, random.uniform(0.08, 0.2) * random.pick([-1, 1]))
    : mix(base, random.pick(palette), random.uniform(0.35, 0.8));
  return [base, other, random.pick(palette)];
}

/** Lets the light fall off across the picture. */
function illuminate(random: Random, { width, height, data }: Canvas): void {
  const angle = random.uniform(0, 2 * Math.PI);
  const slope = random.uniform(0, 0.22);
  const [cx, cy] = [(Math.cos(angle) * slope * 2) / width, (Math.sin(angle) * slope * 2) / height];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const gain = 1 + cx * (x - width / 2) + cy * (y - height / 2);
      for (let c = 0; c < 3; c++, at++) data[at] *= gain;
    }
  }
}

function fill(canvas: Canvas, texture: Texture, fromRow = 0, toRow = canvas.height): void {
  const colour = new Float32Array(3);
  for (let y = Math.max(0, fromRow); y < toRow; y++) {
    for (let x = 0; x < canvas.width; x++) {
      texture(x, y, colour);
      canvas.data.set(colour, (y * canvas.width + x) * 3);
    }
  }
}

function tableTop(random: Random, { width, height, unit }: Size): Backdrop {
  const pattern = random.pick<PatternName>([
    ...(['wood', 'wood', 'tiles', 'bricks', 'checker', 'plaid', 'stripes', 'marble', 'clouds', 'plain'] as const),
    ...(['fibres', 'cells', 'speckle', 'chevrons', 'dots', 'patches'] as const),
  ]);
  const colours = drawColours(random);
  const canvas = createCanvas(width, height);
  fill(canvas, drawTexture(random, pattern, colours, unit * random.uniform(14, 46)));
  return { canvas, colours, pattern };
}

/** Leaves, stones or chips scattered thickly: clutter that belongs to the background. */
function litter(random: Random, { width, height, unit }: Size): Backdrop {
  const colours = drawColours(random);
  const pattern = random.pick<PatternName>(['clouds', 'fibres', 'plain', 'cells']);
  const canvas = createCanvas(width, height);
  fill(
    canvas,
    drawTexture(
      random,
      pattern,
      colours.map(c => shift(c, -0.08)),
      unit * 24,
    ),
  );
  const outline = random.pick([leafOutline, stoneOutline, chipOutline]);
  const size = unit * random.uniform(6, 16);
  const count = Math.round(((width * height) / (size * size)) * random.uniform(0.15, 0.6));
  for (let i = 0; i < count; i++) {
    const angle = random.uniform(0, 2 * Math.PI);
    const grow = size * random.uniform(0.6, 1.3);
    const [c, s] = [grow * Math.cos(angle), grow * Math.sin(angle)];
    const [x, y] = [random.uniform(0, width), random.uniform(0, height)];
    const shape = coverageOf([transform(outline(random), [c, s, -s, c, x, y])]);
    darken(canvas, { ...shape, top: shape.top + Math.max(1, Math.round(unit)) }, [0.78, 0.78, 0.8]);
    stamp(canvas, shape, jitter(random, mix(colours[0], colours[1], random.uniform()), 0.045));
  }
  return { canvas, colours, pattern };
}

function leafOutline(random: Random): Contour {
  const w = random.uniform(0.25, 0.5);
  return smooth([-1, 0, -0.3, -w, 0.5, -w * 0.7, 1, 0, 0.5, w * 0.7, -0.3, w], 3);
}

function stoneOutline(random: Random): Contour {
  return ellipse(0, 0, 1, random.uniform(0.5, 0.95));
}

function chipOutline(random: Random): Contour {
  const corners = random.integer(3, 6);
  const points: number[] = [];
  for (let i = 0; i < corners; i++) {
    const angle = ((i + random.uniform(-0.3, 0.3)) / corners) * 2 * Math.PI;
    const r = random.uniform(0.5, 1);
    points.push(r * Math.cos(angle), r * Math.sin(angle));
  }
  return polygon(points);
}

/** A dim gradient with discs of light far out of focus. */
function lights(random: Random, { width, height, unit }: Size): Backdrop {
  const colours = drawColours(random);
  const canvas = createCanvas(width, height);
  const noise = fractalNoise(random.uint32(), 3);
  const [top, bottom] = [shift(colours[0], -0.1), shift(colours[1], -0.04)];
  fill(canvas, (x, y, out) => {
    const t = Math.min(1, Math.max(0, y / height + 0.5 * noise(x / (90 * unit), y / (90 * unit))));
    for (let c = 0; c < 3; c++) out[c] = top[c] + (bottom[c] - top[c]) * t;
  });
  const palette = drawPalette(random);
  for (let i = random.integer(10, 32); i > 0; i--) {
    const radius = unit * random.uniform(7, 34);
    const disc = coverageOf([ellipse(random.uniform(0, width), random.uniform(0, height), radius)]);
    const colour = shift(random.pick(palette), random.uniform(0, 0.1));
    stamp(canvas, blur(disc, 1), colour, random.uniform(0.1, 0.4));
  }
  return { canvas, colours, pattern: 'clouds' };
}

/** The texture seen at a low angle: it shrinks towards the horizon and fades into its mean colour there. */
function inPerspective(texture: Texture, width: number, height: number, horizon: number): Texture {
  const far = meanColour(texture);
  const depth = height - horizon;
  return (x, y, out) => {
    const near = (y - horizon + depth * 0.12) / (depth * 1.12);
    const z = 1 / near;
    texture((x - width / 2) * z, depth * 1.6 * z, out);
    const fade = Math.min(1, Math.max(0, (z - 2) / 5));
    for (let c = 0; c < 3; c++) out[c] += (far[c] - out[c]) * fade;
  };
}

function room(random: Random, { width, height, unit }: Size): Backdrop {
  const horizon = Math.round(height * random.uniform(0.4, 0.62));
  const canvas = createCanvas(width, height);
  const colours = drawColours(random);
  const wall = random.pick<PatternName>(['plain', 'stripes', 'bricks', 'tiles', 'plaid', 'dots', 'clouds', 'chevrons']);
  fill(canvas, drawTexture(random, wall, colours.slice(0, 2), unit * random.uniform(14, 40)), 0, horizon);
  const ground = drawColours(random);
  const floor = random.pick<PatternName>(['wood', 'wood', 'tiles', 'checker', 'speckle', 'fibres', 'plaid', 'marble']);
  const texture = drawTexture(random, floor, ground, unit * random.uniform(16, 40));
  fill(canvas, inPerspective(texture, width, height, horizon), horizon);
  const board = Math.round(unit * random.uniform(4, 12));
  const tone = random.chance(0.5) ? shift(colours[0], 0.12) : shift(ground[0], -0.1);
  stamp(canvas, coverageOf([polygon([0, horizon - board, width, horizon - board, width, horizon, 0, horizon])]), tone);
  const seam = { left: 0, top: horizon - 1, width, height: 2, data: new Float32Array(width * 2).fill(0.5) };
  darken(canvas, seam, [0.4, 0.4, 0.42]);
  return { canvas, colours: [...colours, ...ground], pattern: floor, horizon };
}

const skies: readonly (readonly [Rgb, Rgb])[] = [
  [
    [0.16, 0.3, 0.55],
    [0.62, 0.72, 0.8],
  ],
  [
    [0.32, 0.42, 0.52],
    [0.75, 0.72, 0.64],
  ],
  [
    [0.22, 0.2, 0.34],
    [0.85, 0.5, 0.32],
  ],
  [
    [0.45, 0.49, 0.52],
    [0.66, 0.68, 0.68],
  ],
];

const soils: readonly Rgb[] = [
  [0.13, 0.19, 0.06],
  [0.2, 0.22, 0.08],
  [0.36, 0.28, 0.16],
  [0.5, 0.4, 0.25],
  [0.25, 0.24, 0.21],
  [0.62, 0.64, 0.68],
];

function landscape(random: Random, { width, height, unit }: Size): Backdrop {
  const horizon = Math.round(height * random.uniform(0.35, 0.58));
  const canvas = createCanvas(width, height);
  const [zenith, haze] = random.pick(skies).map(c => jitter(random, c, 0.025));
  const clouds = fractalNoise(random.uint32(), 4);
  const cover = random.uniform(-0.35, 0.25);
  const white: Rgb = mix(haze, [0.95, 0.95, 0.95], 0.6);
  fill(
    canvas,
    (x, y, out) => {
      const cloud = Math.min(0.85, Math.max(0, 1.8 * (clouds(x / (130 * unit), y / (45 * unit)) + cover)));
      for (let c = 0; c < 3; c++) {
        const sky = zenith[c] + ((haze[c] - zenith[c]) * y) / horizon;
        out[c] = sky + (white[c] - sky) * cloud;
      }
    },
    0,
    horizon,
  );
  const soil = jitter(random, random.pick(soils), 0.03);
  const other = shift(soil, random.uniform(0.05, 0.12) * random.pick([-1, 1]), random.normal() * 0.015);
  for (let i = random.integer(0, 3); i > 0; i--) {
    const tone = mix(shift(soil, -0.05), haze, 0.2 + 0.18 * i);
    ridge(canvas, fractalNoise(random.uint32(), 4), horizon, unit * (10 + 22 * i), tone);
  }
  const pattern = random.pick<PatternName>(['fibres', 'clouds', 'patches', 'cells', 'plain', 'speckle']);
  const texture = drawTexture(random, pattern, [soil, other], unit * random.uniform(14, 34));
  fill(canvas, inPerspective(texture, width, height, horizon), horizon);
  return { canvas, colours: [soil, other, haze], pattern, horizon };
}

/** Hills or a distant wood: everything between a rough line and the horizon. */
function ridge(canvas: Canvas, noise: Field, horizon: number, rise: number, colour: Rgb): void {
  const outline = [canvas.width, horizon, 0, horizon];
  for (let x = 0; x <= canvas.width; x += 2) {
    outline.push(x, horizon - rise * Math.max(0.05, 0.6 + 0.9 * noise(x / (rise * 3), 0)));
  }
  stamp(canvas, coverageOf([polygon(outline)]), colour);
}
