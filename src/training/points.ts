import { UserError } from '../base/errors.ts';

/** A training click, in pixels of the crop. */
export interface Point {
  row: number;
  col: number;
  positive: boolean;
  /** 0 for a click sampled before the first prediction, else the round of correction (from 1) that placed it. */
  round: number;
}

/**
 * The points with one more corrective click. There is room for `maxPoints` of each sign and round r owns the
 * r-th place from the end: where sampled clicks fill that place, the click there is replaced (the paper's code).
 *
 * @throws UserError where there are more rounds than places
 */
export function addPoint(points: readonly Point[], point: Point, maxPoints: number): Point[] {
  const place = maxPoints - point.round;
  if (place < 0) {
    throw new UserError(
      `correction round ${point.round} needs a place among ${maxPoints} points per sign; ` +
        'raise maxPoints of the sampler or lower the number of correction rounds',
    );
  }
  const sampled = points.filter(other => other.round === 0 && other.positive === point.positive);
  return sampled.length > place ? points.map(other => (other === sampled[place] ? point : other)) : [...points, point];
}
