import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { writeFileAtomic } from '../../base/files.ts';
import { openDataset } from '../../datasets/registry.ts';
import type { ResultRow } from '../../report/types.ts';
import { bench, planStages } from '../bench.ts';
import type { Control, RunEvent, Stage } from '../events.ts';
import { makeGranularSet } from '../granular-set.ts';
import { withMeasuredScale } from '../resolve-backbone.ts';
import { RunFolder } from '../run-folder.ts';
import type { Environment } from '../run-report.ts';
import { makeProbes } from '../setup.ts';
import { openTestSets } from '../test-sets.ts';
import { estimateSeconds } from './estimate.ts';
import { type FigurePicture, featureFigures, maskFigures } from './figures.ts';
import { type Job, type Plan, planTarget } from './jobs.ts';
import { type Finished, type Outcome, outcomeOf } from './outcome.ts';
import { reproducedHtml } from './report.ts';
import type { Asked } from './set-up.ts';
import { reproducedMarkdown } from './table.ts';
import { findTarget } from './targets.ts';

export interface ReproduceRequest {
  target: string;
  asked: Asked;
  /** Folder of its runs and results. */
  out: string;
  /** The command line that repeats it. */
  command: string;
}

export type ReproduceEvent =
  | RunEvent
  /** Before the first run begins: seconds that all will take at the most. */
  | { type: 'estimate'; seconds: number; scale: number }
  | { type: 'reproduced'; outcome: Outcome; table: string; figures: string[]; report: string };

/** A job with its stages, of which the first is `offset` among those of all. */
interface Planned {
  job: Job;
  stages: Stage[];
  offset: number;
}

/**
 * Runs what is behind a published table or figure and sets the result beside it. Writes reproduce.json, table.md,
 * report.html and the figure's PNG files beside the runs. Goes on where an earlier process stopped.
 *
 * @throws UserError for wrong input, before anything is run; the signal's reason where a stop is asked for
 */
export async function reproduce(
  { target: name, asked, out, command }: ReproduceRequest,
  { emit, signal }: { emit(event: ReproduceEvent): void; signal: AbortSignal },
): Promise<void> {
  const target = findTarget(name);
  const control: Control = { emit, signal };
  const plan = planTarget(target, asked, out);
  for (const text of plan.setUp.notes) emit({ type: 'note', text });
  for (const { upsampler, reason } of plan.leftOut) emit({ type: 'note', text: `left out: ${upsampler} (${reason})` });
  for (const job of plan.jobs) job.config = await withMeasuredScale(job.config, text => emit({ type: 'note', text }));

  const finished: Finished[] = [];
  const figures: FigurePicture[] = [];
  if (target.shows === 'features') figures.push(...(await featureFigures(plan.jobs[0], name, control)));
  else {
    const planned = await stagesOf(plan);
    if (!plan.jobs.some(job => existsSync(new RunFolder(job.out).config))) {
      emit({ type: 'note', text: 'timing the first steps' });
      emit({ type: 'estimate', seconds: await estimateSeconds(planned, out, control), scale: plan.scale });
    }
    emit({ type: 'plan', stages: planned.flatMap(({ stages }) => stages) });
    for (const each of planned) finished.push(await runJob(each, command, control));
    if (target.shows === 'masks') figures.push(...(await maskFigures(plan.jobs[0], name)));
  }

  const ranking = target.shows === 'ranking';
  const outcome = outcomeOf(plan, finished, command);
  const table = reproducedMarkdown(outcome, ranking);
  const report = join(out, 'report.html');
  const runs = finished.map(({ job }) => relative(out, job.out));
  writeFileAtomic(join(out, 'reproduce.json'), `${JSON.stringify(outcome, null, 2)}\n`);
  writeFileAtomic(join(out, 'table.md'), table);
  writeFileAtomic(report, reproducedHtml(outcome, ranking, figures, runs));
  emit({ type: 'reproduced', outcome, table, figures: figures.map(({ file }) => file), report });
}

/** Opens all that is needed, so that what is missing is said at once. */
async function stagesOf({ jobs, setUp }: Plan): Promise<Planned[]> {
  const planned: Planned[] = [];
  let offset = 0;
  for (const job of jobs) {
    const { config, parts, variant } = job;
    // a set of parts is not there yet, and has at most the images that it is made of
    const training = await openDataset(parts ? setUp.train : config.training.data, {
      seed: config.dataSeed,
      split: 'train',
    });
    const own = planStages(config, makeProbes(config), training, await openTestSets(config));
    const images = Math.min(parts?.source.limit ?? training.size, training.size);
    const stages = [...(parts ? [{ kind: 'make parts', upsampler: 'parts', units: images }] : []), ...own].map(
      stage => ({
        ...stage,
        upsampler: jobs.length === 1 ? stage.upsampler : `${variant.name} ${stage.upsampler}`,
      }),
    );
    planned.push({ job, stages, offset });
    offset += stages.length;
  }
  return planned;
}

async function runJob({ job, offset }: Planned, command: string, { emit, signal }: Control): Promise<Finished> {
  const { parts, config, out, variant } = job;
  if (parts) {
    await makeGranularSet(parts, {
      signal,
      emit: event => {
        if (event.type === 'note') emit(event);
        if (event.type === 'progress')
          emit({ type: 'progress', stage: offset, done: event.done, detail: event.detail });
      },
    });
  }
  const folder = new RunFolder(out);
  const first = offset + (parts ? 1 : 0);
  const rows: ResultRow[] = await bench({ config, command }, folder, {
    signal,
    emit: event => {
      if (event.type === 'plan') return;
      if (event.type === 'progress') emit({ ...event, stage: first + event.stage });
      else if (event.type === 'row')
        emit({ type: 'row', row: { ...event.row, upsampler: `${variant.name} ${event.row.upsampler}` } });
      else emit(event);
    },
  });
  return { job, rows, environment: JSON.parse(readFileSync(folder.environment, 'utf8')) as Environment };
}
