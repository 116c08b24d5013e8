/** IoU after each click of one object, 0..1. */
export type IouCurve = ArrayLike<number>;

/**
 * Number of clicks (NoC) of one object: the first click of the curve whose IoU reaches the threshold, or `maxClicks`
 * where none does. Compared as float32, the precision of stored curves, so that an IoU of float32(0.9) reaches 0.9.
 *
 * @param threshold IoU, 0..1
 */
export function noc(curve: IouCurve, threshold: number, maxClicks: number): number {
  const first = firstReach(curve, threshold);
  return first === -1 ? maxClicks : first + 1;
}

/** Whether no click of the curve reaches the threshold; counted over objects, the number of failures (NoF). */
export function failed(curve: IouCurve, threshold: number): boolean {
  return firstReach(curve, threshold) === -1;
}

/**
 * Number of objects whose NoC is `maxClicks`: the ">=20@t" column of published tables. Beside the failures it counts
 * the objects that reach the threshold at the very last click.
 */
export function countAtMax(curves: readonly IouCurve[], threshold: number, maxClicks: number): number {
  return curves.filter(curve => noc(curve, threshold, maxClicks) === maxClicks).length;
}

/** Mean IoU after k clicks, at index k - 1, as far as every curve goes (early stops make curves short). */
export function meanIouCurve(curves: readonly IouCurve[]): number[] {
  const length = curves.length === 0 ? 0 : Math.min(...curves.map(curve => curve.length));
  return Array.from({ length }, (_, k) => mean(curves.map(curve => curve[k])));
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

function firstReach(curve: IouCurve, threshold: number): number {
  const limit = Math.fround(threshold);
  for (let k = 0; k < curve.length; k++) if (Math.fround(curve[k]) >= limit) return k;
  return -1;
}
