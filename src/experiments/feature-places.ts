import { UserError } from '../base/errors.ts';
import type { Size } from '../interaction/zoom.ts';

/** A place on a picture, in its pixels, from its upper left corner: pixel 0 is from 0 to 1. */
export interface Point {
  x: number;
  y: number;
}

/** The size at which a network looks at a picture: both sides multiples of the stride, the longer one next to `side`. */
export function networkSize([height, width]: Size, side: number, stride: number): Size {
  const multiple = (length: number) => Math.max(1, Math.round(length / stride)) * stride;
  const longer = multiple(side);
  const scale = longer / Math.max(height, width);
  return height > width ? [longer, multiple(width * scale)] : [multiple(height * scale), longer];
}

/** The pixel of the network's input that shows a point: corner pixels coincide, as in resizing. */
export function inNetwork({ x, y }: Point, [height, width]: Size, [toHeight, toWidth]: Size): Point {
  const along = (at: number, from: number, to: number) =>
    from > 1 ? Math.round((Math.floor(at) * (to - 1)) / (from - 1)) : Math.floor(to / 2);
  return { x: along(x, width, toWidth), y: along(y, height, toHeight) };
}

/** The cell of a map over the network's input that holds one of its pixels. */
export function cellOf({ x, y }: Point, [height, width]: Size, map: { height: number; width: number }) {
  return { row: Math.floor(((y + 0.5) * map.height) / height), column: Math.floor(((x + 0.5) * map.width) / width) };
}

/** @throws UserError where a point is outside a picture */
export function requireInside({ x, y }: Point, [height, width]: Size, name: string): void {
  if (x >= 0 && y >= 0 && x < width && y < height) return;
  throw new UserError(
    `--similarity ${x},${y} is outside ${name}, which is ${width} x ${height} px: ` +
      `expected x from 0 to ${width - 1} and y from 0 to ${height - 1}, counted from its upper left corner`,
  );
}
