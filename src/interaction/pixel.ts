import { UserError } from '../base/errors.ts';
import type { Click } from '../clicks/maps.ts';

/** @throws UserError for a click that is not a pixel of the picture */
export function requirePixel({ x, y }: Click, { width, height }: { width: number; height: number }): void {
  const inside = x >= 0 && x < width && y >= 0 && y < height;
  if (inside && Number.isInteger(x) && Number.isInteger(y)) return;
  throw new UserError(
    `the click (x ${x}, y ${y}) is not a pixel of this ${width}x${height} picture: ` +
      `x must be an integer in 0..${width - 1}, y in 0..${height - 1}`,
  );
}
