/**
 * p-values adjusted for looking at all of them (Holm 1979): of those below alpha after the adjustment, the chance that
 * any is a false alarm is at most alpha, however they depend on each other.
 *
 * @returns in the order given, each at least its own p and at most 1
 */
export function holm(ps: readonly number[]): number[] {
  const order = [...ps.keys()].sort((a, b) => ps[a] - ps[b]);
  const adjusted = new Array<number>(ps.length);
  let largest = 0;
  for (const [rank, index] of order.entries()) {
    largest = Math.max(largest, Math.min(1, (ps.length - rank) * ps[index]));
    adjusted[index] = largest;
  }
  return adjusted;
}
