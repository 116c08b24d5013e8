import { UserError } from '../base/errors.ts';
import type { Target } from '../base/raster.ts';
import type { Size } from './geometry.ts';

/**
 * All objects of an image in one number per pixel. Objects may overlap and may each ignore pixels: a code
 * stands for one combination of per-object values that occurs in the image. Moving pixels then costs the
 * same for one object as for fifty.
 */
export interface LabelMap extends Size {
  /** How many objects there are. */
  objects: number;
  /** Row-major, one code per pixel. Code 0 is background for every object. */
  codes: Uint8Array | Uint16Array | Uint32Array;
  /** [code][object]: 1 object, 0 background, -1 ignored. */
  values: Int8Array[];
}

/**
 * Packs the masks of an image.
 *
 * @param objects any number of targets, each of the image's size
 * @throws UserError where a target has another size or other values
 */
export function packLabels(objects: readonly Target[], size: Size): LabelMap {
  const count = size.width * size.height;
  const codes = new Uint32Array(count);
  let values: number[][] = [[]];
  for (const [index, object] of objects.entries()) {
    if (object.width !== size.width || object.height !== size.height) {
      const given = `${object.width}x${object.height}`;
      throw new UserError(
        `the mask of object ${index} has ${given} pixels, its image ${size.width}x${size.height}; they must agree. ` +
          'Check the annotation file of the dataset',
      );
    }
    values = refine(codes, values, object.data);
  }
  return {
    ...size,
    objects: objects.length,
    codes: narrow(codes, values.length),
    values: values.map(v => new Int8Array(v)),
  };
}

/**
 * Splits every code by a further object's values, in place; returns the new table of values. Where the object
 * is absent a pixel keeps its code, so that only the object's own pixels cost anything.
 */
function refine(codes: Uint32Array, values: number[][], object: Int8Array): number[][] {
  const refined = new Int32Array(values.length * 2);
  const table = values.map(combination => [...combination, 0]);
  const fours = inFours(object);
  for (let four = 0, start = 0; start < codes.length; four++, start += 4) {
    if (fours[four] === 0) continue;
    const end = Math.min(start + 4, codes.length);
    for (let i = start; i < end; i++) {
      const value = object[i];
      if (value === 0) continue;
      if (value !== 1 && value !== -1) {
        throw new UserError(`a mask holds ${value}; expected 1 (object), 0 (background) or -1 (ignored)`);
      }
      const key = codes[i] * 2 + +(value === 1);
      let code = refined[key];
      if (code === 0) {
        code = table.length;
        refined[key] = code;
        table.push([...values[codes[i]], value]);
      }
      codes[i] = code;
    }
  }
  return table;
}

/** Four pixels in one number, to pass over the empty part of an image quickly; none where memory is not aligned so. */
function inFours({ buffer, byteOffset, length }: Int8Array): Int32Array {
  return byteOffset % 4 === 0 ? new Int32Array(buffer, byteOffset, length >> 2) : new Int32Array(0);
}

function narrow(codes: Uint32Array, distinct: number): LabelMap['codes'] {
  if (distinct <= 256) return new Uint8Array(codes);
  return distinct <= 65536 ? new Uint16Array(codes) : codes;
}

/** Rearranges pixels: pixel i of the result is pixel `pixels[i]` of the map, or background where that is -1. */
export function gatherLabels(labels: LabelMap, pixels: Int32Array, size: Size): LabelMap {
  const { codes } = labels;
  const out = new (codes.constructor as Uint8ArrayConstructor)(pixels.length) as LabelMap['codes'];
  for (let i = 0; i < pixels.length; i++) if (pixels[i] >= 0) out[i] = codes[pixels[i]];
  return { ...labels, ...size, codes: out };
}

/** The map of one object alone. */
export function onlyObject(labels: LabelMap, object: number): LabelMap {
  return { ...labels, objects: 1, values: labels.values.map(values => Int8Array.of(values[object])) };
}

/** The number of pixels with value 1, per object. */
export function objectAreas(labels: LabelMap): number[] {
  const histogram = new Uint32Array(labels.values.length);
  for (let i = 0; i < labels.codes.length; i++) histogram[labels.codes[i]]++;
  const areas = new Array<number>(labels.objects).fill(0);
  for (const [code, values] of labels.values.entries()) {
    for (let object = 0; object < areas.length; object++) if (values[object] === 1) areas[object] += histogram[code];
  }
  return areas;
}

/** One value per pixel, by a function of the values of all objects there. */
export function mapLabels(labels: LabelMap, value: (values: Int8Array) => number): Int8Array {
  const table = Int8Array.from(labels.values, value);
  const { codes } = labels;
  const out = new Int8Array(codes.length);
  for (let i = 0; i < out.length; i++) out[i] = table[codes[i]];
  return out;
}
