import type { StepReport } from '../trainer.ts';

const recentSteps = 50;
const worthSaying = 0.05;

/**
 * Follows a training: after each step, what to add to its progress line. Nothing, unless more than 5 % of the time of
 * the last 50 steps went into waiting for samples; the first step, before which none can be ready, does not count.
 */
export function waitingNote(): (step: Pick<StepReport, 'seconds' | 'waited'>) => string {
  const recent: Pick<StepReport, 'seconds' | 'waited'>[] = [];
  let first = true;
  return step => {
    if (!first) recent.push(step);
    first = false;
    if (recent.length > recentSteps) recent.shift();
    const total = (of: 'seconds' | 'waited') => recent.reduce((sum, each) => sum + each[of], 0);
    const share = total('waited') / total('seconds');
    return share > worthSaying ? `, ${(100 * share).toFixed(0)} % of the time waiting for samples` : '';
  };
}
