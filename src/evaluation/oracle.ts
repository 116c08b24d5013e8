import { granularities } from '../granularity/table.ts';
import { type ClickSession, type Simulation, simulateClicks } from '../interaction/simulate.ts';
import type { Simulate } from './evaluate.ts';

/**
 * GraCo's evaluation (arXiv 2405.00587): the user clicks the whole session once with each granularity, and the best
 * counts: that with the fewest clicks up to the target IoU, of these the one with the highest IoU after the first click.
 * It is an **oracle**: no user knows the best granularity beforehand, and the best of ten tries is better than one.
 *
 * A session ends once it cannot become the best; every object is simulated up to the target IoU only.
 *
 * @param target the IoU, 0..1, that clicks are counted to
 */
export function granularityOracle(target: number): Simulate {
  return async (session, object, { maxClicks = 20, ...options }) => {
    if (!takesGranularity(session)) throw new TypeError('an oracle over granularities needs a session that takes one');
    let best: (Simulation & { granularity: number }) | undefined;
    const reaches = ({ ious }: Simulation) => ious[ious.length - 1] >= Math.fround(target);
    for (const granularity of granularities) {
      session.granularity = granularity;
      const most = best && reaches(best) ? best.ious.length : maxClicks;
      const tried = await simulateClicks(session, object, { ...options, maxClicks: most, targetIou: target });
      if (!best || isBetter(tried, best, reaches)) best = { ...tried, granularity };
    }
    return best!;
  };
}

const takesGranularity = (session: ClickSession): session is ClickSession & { granularity: number } =>
  'granularity' in session;

function isBetter(a: Simulation, b: Simulation, reaches: (of: Simulation) => boolean): boolean {
  if (reaches(a) !== reaches(b)) return reaches(a);
  if (a.ious.length !== b.ious.length) return a.ious.length < b.ious.length;
  return a.ious[0] > b.ious[0];
}
