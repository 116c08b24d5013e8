import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../../base/files.ts';
import { bench } from '../bench.ts';
import type { Config } from '../config.ts';
import type { Control, Stage } from '../events.ts';
import { changedConfig } from '../resolve-config.ts';
import { RunFolder } from '../run-folder.ts';
import type { Job } from './jobs.ts';

/** Steps that are timed, each of one image; the first one, which is slower, does not count. */
const TIMED = 4;

/** What a probe costs, seconds. */
interface Cost {
  /** Per image of a training step. */
  image: number;
  /** Per image of a test set at the most: every object takes all clicks. */
  tested: number;
}

/**
 * Seconds that runs will take at the most, from the first steps of each probe, which are done here and thrown away.
 *
 * @param stages of each job, in the order of its upsamplers
 * @throws the signal's reason
 */
export async function estimateSeconds(
  jobs: readonly { job: Job; stages: readonly Stage[] }[],
  out: string,
  control: Control,
): Promise<number> {
  let seconds = 0;
  let costs: Cost[] = [];
  for (const { job, stages } of jobs) {
    // what a multi-granular probe starts from is not there yet: taken to cost as much as its base
    if (!job.config.granularity) costs = await timed(job.config, out, control);
    let probe = 0;
    for (const { kind, units } of stages) {
      if (kind === 'make parts') seconds += units * costs[0].tested;
      else if (kind === 'train') seconds += units * job.config.training.batch * costs[probe++].image;
      else seconds += units * costs[probe - 1].tested * (kind.includes('_oracle-') ? 10 : 1);
    }
  }
  return seconds;
}

async function timed(config: Config, out: string, { emit, signal }: Control): Promise<Cost[]> {
  makeFolder(out);
  const folder = mkdtempSync(join(out, 'timing-'));
  const { evaluation } = config;
  const short = changedConfig(config, {
    overrides: {
      training: { epochs: 1, epochLength: TIMED, batch: 1 },
      evaluation: { datasets: evaluation.datasets.slice(0, 1), limit: 1, maxClicks: Math.min(2, evaluation.maxClicks) },
      report: { examples: 0, features: 0 },
    },
  });
  let stages: readonly Stage[] = [];
  /** When each training began, and after each of its steps. */
  const times = config.upsamplers.map((): number[] => []);
  try {
    const rows = await bench({ config: short, command: 'timing' }, new RunFolder(folder), {
      signal,
      emit: event => {
        if (event.type === 'download') emit(event);
        if (event.type === 'plan') stages = event.stages;
        if (event.type !== 'progress' || stages[event.stage].kind !== 'train') return;
        const own = times[config.upsamplers.indexOf(stages[event.stage].upsampler)];
        if (event.done > own.length - 1) own.push(performance.now());
      },
    });
    return rows.map(({ secondsPerClick, objects }, i) => ({
      image: (times[i].at(-1)! - times[i][1]) / 1000 / (times[i].length - 2),
      tested: objects * evaluation.maxClicks * secondsPerClick,
    }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
