import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../base/errors.ts';
import type { GranularSetEvent, GranularSetRequest, GranularSetSummary } from '../experiments/granular-set.ts';
import { changedConfig } from '../experiments/resolve-config.ts';
import { comparable } from '../experiments/run-folder.ts';
import { runInThread } from '../experiments/thread.ts';
import { runConfig } from '../experiments/trained-probe.ts';
import { replaceControls } from '../report/format.ts';
import { runBench } from './bench.ts';
import { duration } from './progress.ts';
import { stoppable } from './stoppable.ts';

export interface MakeOptions {
  from: string;
  upsampler?: string;
  split: 'train' | 'val';
  limit?: number;
  repeats: number;
  pictures: number;
  seed: number;
  out?: string;
  threads?: number;
  json: boolean;
}

/** Runs `clickprobe granularity make`; the exit code is the command's. */
export async function granularityMakeCommand(spec: string, options: MakeOptions): Promise<number> {
  const { from, split, limit = null, threads = null, json, ...rest } = options;
  const out = options.out ?? join('data', `granular-${spec.replace(/[^\w.-]+/g, '-')}`);
  const source = { spec, seed: runConfig(from).dataSeed, split, limit };
  const request: GranularSetRequest = { ...rest, from, source, out, threads };
  return stoppable(`the same command again goes on in ${out}`, async (signal, status) => {
    signal.addEventListener('abort', () => status.print('stopping after the current object (Ctrl-C again: at once)'));
    let line = 'preparing';
    let begun: { at: number; done: number } | undefined;
    const ticking = setInterval(() => status.status(line), 500);
    const onEvent = (event: GranularSetEvent) => {
      if (event.type === 'note') status.print(event.text);
      else if (event.type === 'made') {
        status.clear();
        process.stdout.write(json ? `${JSON.stringify({ out, ...event.summary })}\n` : madeText(out, event.summary));
      } else {
        const { done, total, detail } = event;
        begun ??= { at: performance.now(), done };
        const each = (performance.now() - begun.at) / 1000 / (done - begun.done);
        const left = done > begun.done ? `  |  ${duration(each * (total - done))} left` : '';
        line = replaceControls(`${done}/${total} images  |  ${detail}${left}`);
      }
    };
    try {
      const script = new URL('../experiments/granular-set-worker.js', import.meta.url);
      await runInThread(script, request, onEvent, signal);
    } finally {
      clearInterval(ticking);
    }
    return 0;
  });
}

function madeText(out: string, { images, parts, counts }: GranularSetSummary): string {
  const most = Math.max(...Object.values(counts));
  const rows = Object.entries(counts).map(([granularity, count]) => {
    const bar = '#'.repeat(Math.round((40 * count) / most));
    return `  ${granularity}  ${String(count).padStart(String(most).length)}  ${bar}`.trimEnd();
  });
  return `${parts} parts of the objects of ${images} images; parts of each granularity:
${rows.join('\n')}
pictures:    ${pathToFileURL(join(out, 'pictures.html')).href}
to train on: granular:${out}
`;
}

export interface GranularTrainOptions {
  from: string;
  data: string;
  upsamplers?: string[];
  place: string;
  lora: string;
  rank: number;
  alpha: number;
  tableStart: string;
  joint: boolean;
  oracle: string[];
  epochs?: number;
  datasets?: string[];
  set: string[];
  out?: string;
  seed?: number;
  seeds: number;
  threads?: number;
  json: boolean;
}

/** Runs `clickprobe granularity train`: a bench whose probes start from those of another run. */
export async function granularityTrainCommand(options: GranularTrainOptions, command: string): Promise<number> {
  const { from, place, tableStart, rank, alpha, upsamplers, epochs, datasets, seed, threads } = options;
  const base = runConfig(from);
  if (base.granularity)
    throw new UserError(`${from} is a multi-granular run itself. Name the run that it started from`);
  const granularity = {
    ...{ from, place, tableStart, trainUpsampler: options.joint },
    lora: { projections: options.lora, rank, alpha },
    oracle: options.oracle.map(percent => parseOracle(percent)),
  };
  const config = changedConfig(base, {
    set: options.set,
    overrides: {
      ...{ granularity, baselines: [], upsamplers, seed, threads },
      training: { data: options.data, epochs },
      evaluation: { datasets },
    },
  });
  const hash = createHash('sha256')
    .update(JSON.stringify(comparable(config)))
    .digest('hex')
    .slice(0, 8);
  const out = options.out ?? join('runs', `granular-${hash}`);
  const { seeds, json } = options;
  return runBench(config, { out, named: options.out !== undefined, seeds, json }, command);
}

function parseOracle(percent: string): number {
  const value = Number(percent);
  if (value > 0 && value <= 100) return value / 100;
  throw new UserError(`--oracle ${percent}: expected IoUs in percent, such as --oracle 85,90`);
}
