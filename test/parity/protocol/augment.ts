import type { RgbImage } from '../../../src/base/raster.ts';
import { type Augmentation, augmentImage, cropStart, sourcePixels } from '../../../src/training/augment.ts';
import { brightnessContrastTable, shiftTable } from '../../../src/training/colour.ts';
import { roundHalfEven, type Size } from '../../../src/training/geometry.ts';
import { flipColumns, flipRows, type Orientation, quarterTurn, upright } from '../../../src/training/orientation.ts';
import { invertAffine, rotateShift } from '../../../src/training/warp.ts';
import { allNear, type Case, type Check, same, unknownKind } from '../case.ts';
import type { ProtocolKind } from './kind.ts';
import type { Json, Source } from './source.ts';

/** The steps of OpenCV and albumentations that make up the augmentation, bit for bit. */
export const augmentation: ProtocolKind = {
  sections: json => (Array.isArray(json.cases) && 'op' in (json.cases[0] ?? {}) ? ['cases'] : []),
  cases: source => {
    const listed = source.json.cases.map((given: Json): Case => {
      const { op, k } = given;
      return {
        name: `${source.stem}/${op}${k === undefined ? '' : `_${k}`}`,
        skip: op in steps ? undefined : unknownKind(`the step ${op} of the augmentation`),
        run: () => steps[op](given, picture(source), source),
      };
    });
    const orientations = source.keys().filter(key => /^(flip|rot90)_/.test(key));
    return [
      ...listed,
      ...orientations.map(key => ({ name: `${source.stem}/${key}`, run: () => [checkOrientation(key, source)] })),
    ];
  },
};

/** An augmentation that changes nothing. */
function still({ width, height }: Size): Augmentation {
  const frame = { width, height };
  const orientation = upright(frame);
  return { source: frame, resized: frame, orientation, warp: null, crop: { x: 0, y: 0, ...frame }, colour: null };
}

function withOrientation(base: Augmentation, orientation: Orientation): Augmentation {
  const { width, height } = orientation;
  return { ...base, orientation, crop: { x: 0, y: 0, width, height } };
}

function picture(source: Source): RgbImage {
  const [height, width] = source.tensor('image').shape;
  return { width, height, data: source.bytes('image') };
}

function checkImage(name: string, augmentation: Augmentation, source: Source): Check {
  const { width, height, data } = augmentImage(picture(source), augmentation);
  const expected = source.tensor(name);
  const shape = same(`size of ${name}`, [height, width, 3], [...expected.shape]);
  return shape.error > 0 ? shape : allNear(name, data, source.bytes(name), 0);
}

function checkMask(name: string, augmentation: Augmentation, source: Source): Check {
  const mask = source.tensor('mask').data as Int32Array;
  const moved = Int32Array.from(sourcePixels(augmentation), pixel => (pixel < 0 ? 0 : mask[pixel]));
  return allNear(name, moved, source.tensor(name).data as Int32Array, 0);
}

type Step = (given: Json, image: RgbImage, source: Source) => Check[];

const steps: Readonly<Record<string, Step>> = {
  resize({ k, scale, new: expected }, image, source) {
    const [height, width] = [image.height, image.width].map(side => roundHalfEven(side * scale));
    const resized = { width, height };
    const changed = withOrientation({ ...still(image), resized }, upright(resized));
    return [
      same('size', [height, width], expected),
      checkImage(`resize_image_${k}`, changed, source),
      checkMask(`resize_mask_${k}`, changed, source),
    ];
  },
  shift_scale_rotate({ k, angle, dx, dy, matrix: expected }, image, source) {
    const matrix = rotateShift(image, angle, { x: dx, y: dy });
    const changed = { ...still(image), warp: invertAffine(matrix) };
    return [
      allNear('matrix', matrix, expected.flat(), 1e-12),
      checkImage(`ssr_image_${k}`, changed, source),
      checkMask(`ssr_mask_${k}`, changed, source),
    ];
  },
  brightness_contrast({ k, alpha, beta }, _, source) {
    return [allNear(`bc_lut_${k}`, brightnessContrastTable(alpha, beta), source.bytes(`bc_lut_${k}`), 0)];
  },
  rgb_shift_lut({ k, shift }, _, source) {
    return [allNear(`shift_lut_${k}`, shiftTable(shift), source.bytes(`shift_lut_${k}`), 0)];
  },
  pad_if_needed({ min_h: height, min_w: width, top, left }, image, source) {
    const crop = { x: cropStart(image.width, width, 0.3), y: cropStart(image.height, height, 0.3), width, height };
    return [
      same('padding above and to the left', [-crop.y, -crop.x], [top, left]),
      checkImage(`pad_${height}x${width}`, { ...still(image), crop }, source),
    ];
  },
};

const flips: Record<string, (frame: Orientation) => Orientation> = {
  '0': flipRows,
  '1': flipColumns,
  '-1': frame => flipRows(flipColumns(frame)),
};

/** `flip_<axis>` as OpenCV numbers axes, `rot90_<quarter turns>`. */
function checkOrientation(key: string, source: Source): Check {
  const base = still(picture(source));
  const [kind, which] = key.split('_');
  let { orientation } = base;
  if (kind === 'flip') orientation = flips[which](orientation);
  else for (let turns = Number(which); turns > 0; turns--) orientation = quarterTurn(orientation);
  return checkImage(key, withOrientation(base, orientation), source);
}
