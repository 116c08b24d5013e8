import type { Random } from '../../base/random.ts';
import type { RgbImage, Target } from '../../base/raster.ts';
import { animals } from './animals.ts';
import { type Backdrop, drawBackdrop } from './backdrop.ts';
import type { Canvas } from './canvas.ts';
import { eachPixel } from './canvas.ts';
import { drawPalette, jitter, type Rgb } from './color.ts';
import { type Affine, type Bounds, boundsOf, transform } from './contour.ts';
import type { Patch } from './coverage.ts';
import type { Family, Pose } from './figure.ts';
import { develop } from './finish.ts';
import { furniture } from './furniture.ts';
import { type Cutout, castShadow, cut, dropShadow, type Light, paint } from './paint.ts';
import { plants } from './plants.ts';
import { shapes } from './shapes.ts';
import { tools } from './tools.ts';
import { camouflage, drawStyle, drawWardrobe, type Style } from './wardrobe.ts';

/** An object smaller than this (pixels that can be seen) is not put into a scene. */
export const minimumArea = 250;

/** The part of an object that must be seen. */
const minimumVisible = 0.3;
/** The part of the picture that one object may take. */
const maximumShare = 0.45;

const families: readonly Family[] = [shapes, furniture, tools, plants, animals].flatMap(group => Object.values(group));

interface Actor {
  family: Family;
  style: Style;
  cutout: Cutout;
  /** Longest side on the picture, in pixels. */
  size: number;
  /** Middle of its bounding box. */
  x: number;
  y: number;
  floats: boolean;
}

/** Draws a picture and one mask per object: 1 where the object can be seen, 0 elsewhere. */
export function drawScene(random: Random, width: number, height: number): { image: RgbImage; objects: Target[] } {
  const backdrop = drawBackdrop(random, width, height);
  const light = drawLight(random);
  const owner = new Uint8Array(width * height);
  const actors = castActors(random, backdrop, owner);
  const softness = Math.max(1.5, Math.min(width, height) * random.uniform(0.008, 0.018));
  for (const { cutout, floats } of [...actors].reverse()) {
    if (backdrop.horizon === undefined) dropShadow(backdrop.canvas, cutout, light, softness * 1.6);
    else if (!floats) castShadow(backdrop.canvas, cutout, light, softness);
    paint(backdrop.canvas, cutout, light);
  }
  const objects = actors.map((_, i) => maskOf(owner, i + 1, width, height));
  return { image: develop(random, backdrop.canvas), objects };
}

function maskOf(owner: Uint8Array, name: number, width: number, height: number): Target {
  const data = new Int8Array(owner.length);
  for (let i = 0; i < owner.length; i++) if (owner[i] === name) data[i] = 1;
  return { width, height, data };
}

function drawLight(random: Random): Light {
  const angle = random.uniform(-0.9 * Math.PI, -0.1 * Math.PI);
  const height = random.uniform(0.62, 0.85);
  const flat = Math.sqrt(1 - height * height);
  const depth = random.uniform(0.35, 0.7);
  return {
    direction: [flat * Math.cos(angle), flat * Math.sin(angle), height],
    ambient: random.uniform(0.3, 0.6),
    shade: [depth * 0.97, depth, Math.min(1, depth * 1.06)],
  };
}

/**
 * Puts objects on the picture front to back, so that what is already there only hides what follows: an object
 * is kept if enough of it can be seen, and stays as it is. Marks each pixel's object (1-based) in `owner`.
 */
function castActors(random: Random, backdrop: Backdrop, owner: Uint8Array): Actor[] {
  const { canvas } = backdrop;
  const wanted = 2 + random.weighted([3, 4, 4, 3, 2, 1]);
  const palette = random.chance(0.35) ? backdrop.colours.slice(0, 3) : drawPalette(random);
  const depths = Array.from({ length: wanted }, () => random.uniform(0.25, 1)).sort((a, b) => b - a);
  const actors: Actor[] = [];
  for (let attempt = 0; attempt < wanted * 6 || actors.length === 0; attempt++) {
    if (actors.length === wanted) break;
    if (attempt > 1000) throw new Error(`no object found a place on a ${canvas.width}x${canvas.height} scene`);
    const model = actors.length > 0 && random.chance(0.3) ? random.pick(actors) : undefined;
    const actor = drawActor(random, backdrop, palette, depths[actors.length], model);
    if (!isSeen(actor.cutout.alpha, canvas, owner)) continue;
    actors.push(actor);
    claim(actor.cutout.alpha, canvas, owner, actors.length);
  }
  return actors;
}

/** `model`, where given, is an object that this one stands beside and looks like. */
function drawActor(random: Random, backdrop: Backdrop, palette: readonly Rgb[], depth: number, model?: Actor): Actor {
  const { width, height } = backdrop.canvas;
  const { horizon } = backdrop;
  const same = model && random.chance(0.5);
  const family = same ? model.family : random.pick(suited(horizon !== undefined));
  const style = model ? alike(random, model.style) : drawLooks(random, palette, backdrop);
  const floats = horizon !== undefined && family.pose === 'fly';
  const perspective = horizon === undefined || floats ? 1 : 0.55 + 0.6 * depth;
  const reach = Math.min(width, height) * (0.24 + 0.44 * random.uniform() ** 1.4) * perspective;
  const parts = family.draw(random, drawWardrobe(random, style, reach));
  const bounds = boundsOf(parts.flatMap(p => p.contours));
  const long = Math.max(bounds.right - bounds.left, bounds.bottom - bounds.top);
  const short = Math.min(bounds.right - bounds.left, bounds.bottom - bounds.top);
  // A thin object is drawn larger: what counts is its area as much as its length.
  const scale = (reach / long) * Math.min(1.5, Math.sqrt(long / short));
  const size = long * scale;
  const x = model
    ? model.x + random.pick([-1, 1]) * random.uniform(0.35, 0.6) * (size + model.size)
    : random.uniform(0.08, 0.92) * width;
  const y =
    model && horizon === undefined ? model.y + random.uniform(-0.4, 0.4) * size : random.uniform(0.12, 0.88) * height;
  const turn = drawTurn(random, family.pose, horizon !== undefined);
  const place = placed(bounds, scale, turn, random.chance(0.5));
  if (horizon === undefined) return { family, style, size, x, y, floats, cutout: cut(parts, moved(place, x, y)) };
  const base = floats ? random.uniform(0.35, 0.8) * horizon : horizon + (height - horizon) * depth;
  const lowest = boundsOf(parts.flatMap(p => p.contours.map(c => transform(c, place)))).bottom;
  const at = moved(place, x, base - lowest);
  return { family, style, size, x, y: base - size / 2, floats, cutout: cut(parts, at) };
}

/** On the ground stands what can; from above nearly everything may be seen. */
function suited(standing: boolean): readonly Family[] {
  return standing ? families.filter(f => f.pose !== 'lie') : families;
}

function drawLooks(random: Random, palette: readonly Rgb[], backdrop: Backdrop): Style {
  const style = drawStyle(random, palette);
  return random.chance(0.3) ? camouflage(random, style, backdrop) : style;
}

function alike(random: Random, { colours, pattern }: Style): Style {
  return { colours: colours.map(c => jitter(random, c, 0.03)), pattern };
}

function drawTurn(random: Random, pose: Pose, standing: boolean): number {
  if (pose === 'any' || pose === 'lie') return standing ? random.uniform(-0.3, 0.3) : random.uniform(-Math.PI, Math.PI);
  return random.normal() * (standing ? 0.04 : 0.3);
}

/** Takes the middle of `bounds` to the origin, scaled, perhaps mirrored, turned. */
function placed(bounds: Bounds, scale: number, turn: number, mirrored: boolean): Affine {
  const [c, s] = [scale * Math.cos(turn), scale * Math.sin(turn)];
  const way = mirrored ? -1 : 1;
  const [cx, cy] = [(bounds.left + bounds.right) / 2, (bounds.top + bounds.bottom) / 2];
  return [way * c, way * s, -s, c, -way * c * cx + s * cy, -way * s * cx - c * cy];
}

function moved([a, b, c, d, e, f]: Affine, x: number, y: number): Affine {
  return [a, b, c, d, e + x, f + y];
}

function isSeen(alpha: Patch, canvas: Canvas, owner: Uint8Array): boolean {
  let whole = 0;
  for (const v of alpha.data) if (v > 0.5) whole++;
  let seen = 0;
  eachPixel(canvas, alpha, (at, i) => {
    if (alpha.data[i] > 0.5 && owner[at / 3] === 0) seen++;
  });
  return seen >= minimumArea && seen >= whole * minimumVisible && seen <= owner.length * maximumShare;
}

function claim(alpha: Patch, canvas: Canvas, owner: Uint8Array, name: number): void {
  eachPixel(canvas, alpha, (at, i) => {
    if (alpha.data[i] > 0.5 && owner[at / 3] === 0) owner[at / 3] = name;
  });
}
