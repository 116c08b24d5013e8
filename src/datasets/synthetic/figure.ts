import type { Random } from '../../base/random.ts';
import type { Contour } from './contour.ts';
import type { Texture } from './texture.ts';

/** What a part is made of; `gloss` 0 (chalk) .. 1 (glazed). */
export interface Surface {
  texture: Texture;
  gloss: number;
}

/**
 * How light falls on a part: `flat` like paper, `round` with soft borders like a cushion, `ball` and `cylinder`
 * (upright) like the solids that fill the part's bounding box.
 */
export type Form = 'flat' | 'round' | 'ball' | 'cylinder';

export interface Part {
  contours: readonly Contour[];
  surface: Surface;
  form: Form;
}

/** The surfaces of one object: `main`, `second` and `accent` differ in colour and pattern, the rest are what they say. */
export interface Wardrobe {
  main: Surface;
  second: Surface;
  accent: Surface;
  dark: Surface;
  light: Surface;
  leaf: Surface;
  bark: Surface;
}

/** Where an object is met: upright on the ground, lying on a table, in the air, or anywhere. */
export type Pose = 'stand' | 'lie' | 'fly' | 'any';

/**
 * A family of objects. `draw` gives the parts back to front, in any unit, x to the right and y down; proportions
 * are drawn at random.
 */
export interface Family {
  pose: Pose;
  draw(random: Random, wear: Wardrobe): Part[];
}

export function part(contours: Contour | readonly Contour[], surface: Surface, form: Form = 'round'): Part {
  return { contours: contours instanceof Float64Array ? [contours] : contours, surface, form };
}
