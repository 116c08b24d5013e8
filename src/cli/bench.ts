import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { withUpsamplersNamed } from '../experiments/choose-upsamplers.ts';
import type { Config } from '../experiments/config.ts';
import { Stopped } from '../experiments/events.ts';
import { runInWorker } from '../experiments/executor.ts';
import { resolveConfig } from '../experiments/resolve-config.ts';
import { comparable } from '../experiments/run-folder.ts';
import { seedResults } from '../experiments/seed-results.ts';
import type { WorkerRequest } from '../experiments/worker.ts';
import { seedText } from '../report/comparison.ts';
import { fixed } from '../report/format.ts';
import { resultsTable } from '../report/table.ts';
import type { ResultRow } from '../report/types.ts';
import { entriesByName, recordsOf } from '../upsamplers/own/entry.ts';
import { downloadText } from './download-text.ts';
import { namedFiles } from './named-files.ts';
import { duration, ProgressTracker, StatusLine } from './progress.ts';
import { interruptible, STOPPING } from './stoppable.ts';

export interface BenchOptions {
  preset: string;
  config?: string;
  set: string[];
  out?: string;
  backbone?: string;
  weights?: string;
  onnxInput?: string;
  onnxOutput?: string;
  onnxTokens?: string | number;
  onnxEarly?: string;
  upsamplers?: string[];
  upsamplerWeights: string[];
  head?: string;
  neck?: string;
  injection?: string;
  train?: string;
  epochs?: number;
  datasets?: string[];
  mode?: string;
  curves: boolean;
  boundary?: boolean;
  randomClicks?: number;
  baselines?: string[];
  seed?: number;
  seeds: number;
  threads?: number;
  device?: string;
  memory?: string;
  json: boolean;
}

/** Runs `clickprobe bench`; the exit code is the command's. */
export async function benchCommand(options: BenchOptions, command: string): Promise<number> {
  const { backbone, weights, upsamplers, baselines, head, neck, injection, seed, threads, device, memory } = options;
  const { datasets, mode, boundary, randomClicks } = options;
  const { onnxInput, onnxOutput, onnxTokens, onnxEarly } = options;
  const files = namedFiles(options.upsamplerWeights, '--upsampler-weights');
  const asked = resolveConfig({
    preset: options.preset,
    file: options.config,
    set: options.set,
    overrides: {
      ...{
        backbone,
        weights,
        upsamplers,
        upsamplerWeights: files,
        baselines,
        head,
        neck,
        injection,
        seed,
        threads,
        device,
        memory,
      },
      training: { data: options.train, epochs: options.epochs },
      onnx: { input: onnxInput, output: onnxOutput, tokens: onnxTokens, early: onnxEarly },
      // whole curves cost clicks that no NoC up to 90 % needs
      evaluation: { datasets, mode, boundary, randomClicks, targetIou: options.curves ? undefined : 0.9 },
    },
  });
  const { config, notes } = withUpsamplersNamed(asked);
  const names = [...entriesByName(config.upsamplers, config.baselines).keys()];
  const idle = Object.keys(files).find(name => !names.includes(name));
  if (idle !== undefined) {
    throw new UserError(
      `--upsampler-weights ${idle}=..: ${idle} is not among the upsamplers (${names.join(', ')}). ` +
        'Name it in --upsamplers',
    );
  }
  const hash = createHash('sha256')
    .update(JSON.stringify(comparable(config)))
    // another file is another run, whatever it is called
    .update(
      Object.values(recordsOf(config.upsamplers))
        .map(({ sha256 }) => sha256)
        .join(),
    )
    .digest('hex')
    .slice(0, 8);
  const out = options.out ?? join('runs', `${options.preset}-${hash}`);
  const { seeds, json } = options;
  return runBench(config, { out, named: options.out !== undefined, seeds, json, notes }, command);
}

interface RunOptions {
  out: string;
  /** The user chose the folder. */
  named: boolean;
  seeds: number;
  json: boolean;
  /** Printed first. */
  notes?: readonly string[];
}

/** Runs a bench, once per seed, and prints its table; gives the exit code of the command. */
export async function runBench(
  config: Config,
  { out, named, seeds, json, notes = [] }: RunOptions,
  command: string,
): Promise<number> {
  const runs =
    seeds === 1
      ? [{ config, out }]
      : Array.from({ length: seeds }, (_, i) => {
          const seed = config.seed + i;
          return { config: { ...config, seed }, out: join(out, `seed-${seed}`) };
        });

  const status = new StatusLine(process.stderr);
  const rows: ResultRow[] = [];
  const start = performance.now();
  for (const note of notes) status.print(note);
  try {
    await interruptible(async signal => {
      signal.addEventListener('abort', () => status.print(STOPPING));
      for (const [i, run] of runs.entries()) {
        const prefix = runs.length === 1 ? '' : `seed ${run.config.seed} (${i + 1}/${runs.length}) `;
        rows.push(...(await runOnce({ ...run, command }, status, prefix, signal)));
      }
    });
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    status.print(`stopped. To go on: the same command again${named ? '' : ` (it continues in ${out})`}`);
    return 130;
  } finally {
    status.clear();
  }
  if (runs.length === 1) print(json, rows, out);
  else
    printSeeds(
      json,
      rows,
      out,
      runs.map(run => run.out),
      config,
    );
  status.print(`done in ${duration((performance.now() - start) / 1000)}`);
  return 0;
}

async function runOnce(
  request: WorkerRequest,
  status: StatusLine,
  prefix: string,
  signal: AbortSignal,
): Promise<ResultRow[]> {
  const tracker = new ProgressTracker();
  const rows: ResultRow[] = [];
  let fetching = '';
  const ticking = setInterval(() => status.status(`${prefix}${fetching || tracker.line()}`), 500);
  try {
    await runInWorker(
      request,
      event => {
        tracker.update(event);
        fetching = event.type === 'download' ? `${event.what}: ${downloadText(event.progress)}` : '';
        if (event.type === 'note') status.print(event.text);
        if (event.type !== 'row') return;
        rows.push(event.row);
        const { upsampler, dataset, noc90, iou1 } = event.row;
        status.print(`${prefix}${upsampler} on ${dataset}: NoC90 ${fixed(noc90, 2)}, IoU@1 ${fixed(100 * iou1, 1)} %`);
      },
      signal,
    );
  } finally {
    clearInterval(ticking);
  }
  return rows;
}

/** Means and spreads over training seeds. */
function printSeeds(
  json: boolean,
  rows: readonly ResultRow[],
  out: string,
  roots: readonly string[],
  { seed, evaluation: { resamples } }: Config,
): void {
  const { rows: spreads, results } = seedResults(roots, rows, { seed, resamples });
  writeFileAtomic(join(out, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  if (json) {
    for (const row of results) process.stdout.write(`${JSON.stringify(row)}\n`);
    return;
  }
  process.stdout.write(`${seedText(spreads, [])}\nruns:   ${roots.join(', ')}\n`);
}

function print(json: boolean, rows: readonly ResultRow[], out: string): void {
  if (json) {
    for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
    return;
  }
  const color = process.stdout.isTTY === true && !process.env.NO_COLOR;
  process.stdout.write(`${resultsTable(rows, { color, width: process.stdout.columns })}\n`);
  const report = join(out, 'report.html');
  if (existsSync(report)) process.stdout.write(`\nreport: ${pathToFileURL(report).href}\nrun:    ${out}\n`);
}
