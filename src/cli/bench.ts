import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Stopped } from '../experiments/events.ts';
import { runInWorker } from '../experiments/executor.ts';
import { resolveConfig } from '../experiments/resolve-config.ts';
import { comparable } from '../experiments/run-folder.ts';
import { fixed } from '../report/format.ts';
import { resultsTable } from '../report/table.ts';
import type { ResultRow } from '../report/types.ts';
import { duration, ProgressTracker, StatusLine } from './progress.ts';

export interface BenchOptions {
  preset: string;
  config?: string;
  set: string[];
  out?: string;
  backbone?: string;
  weights?: string;
  upsamplers?: string[];
  head?: string;
  injection?: string;
  train?: string;
  epochs?: number;
  datasets?: string[];
  seed?: number;
  threads?: number;
  device?: string;
  json: boolean;
}

/** Runs `clickprobe bench`; the exit code is the command's. */
export async function benchCommand(options: BenchOptions, command: string): Promise<number> {
  const { backbone, weights, upsamplers, head, injection, seed, threads, device } = options;
  const config = resolveConfig({
    preset: options.preset,
    file: options.config,
    set: options.set,
    overrides: {
      ...{ backbone, weights, upsamplers, head, injection, seed, threads, device },
      training: { data: options.train, epochs: options.epochs },
      evaluation: { datasets: options.datasets },
    },
  });
  const hash = createHash('sha256')
    .update(JSON.stringify(comparable(config)))
    .digest('hex')
    .slice(0, 8);
  const out = options.out ?? join('runs', `${options.preset}-${hash}`);

  const status = new StatusLine(process.stderr);
  const tracker = new ProgressTracker();
  const rows: ResultRow[] = [];
  const start = performance.now();
  const stop = new AbortController();
  const interrupt = () => {
    if (stop.signal.aborted) process.exit(130);
    status.print('stopping: saving after the current step (Ctrl-C again to stop at once)');
    stop.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const ticking = setInterval(() => status.status(tracker.line()), 500);
  try {
    await runInWorker(
      { config, command, out },
      event => {
        tracker.update(event);
        if (event.type === 'note') status.print(event.text);
        if (event.type !== 'row') return;
        rows.push(event.row);
        const { upsampler, dataset, noc90, iou1 } = event.row;
        status.print(`${upsampler} on ${dataset}: NoC90 ${fixed(noc90, 2)}, IoU@1 ${fixed(100 * iou1, 1)} %`);
      },
      stop.signal,
    );
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    status.print(`stopped. To go on: the same command again${options.out ? '' : ` (it continues in ${out})`}`);
    return 130;
  } finally {
    clearInterval(ticking);
    status.clear();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
  print(options.json, rows, out);
  status.print(`done in ${duration((performance.now() - start) / 1000)}`);
  return 0;
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
