import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const entry = fileURLToPath(new URL('../../bin/clickprobe.js', import.meta.url));

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

export interface Running {
  process: ChildProcess;
  finished: Promise<Finished>;
  /** Standard error so far. */
  err(): string;
}

/** Starts the built command as a user would. */
export function start(args: readonly string[], options: { cwd?: string; entry?: string } = {}): Running {
  const child = spawn(process.execPath, [options.entry ?? entry, ...args], { cwd: options.cwd });
  let out = '';
  let err = '';
  child.stdout.on('data', chunk => {
    out += chunk;
  });
  child.stderr.on('data', chunk => {
    err += chunk;
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, out, err }));
  });
  return { process: child, finished, err: () => err };
}

export const run = (args: readonly string[], options: { cwd?: string } = {}): Promise<Finished> =>
  start(args, options).finished;

/** The smallest bench that does everything: one upsampler or more, drawn scenes, seconds. */
export function tinyBench(out: string, ...more: string[]): string[] {
  return [
    'bench',
    ...['--out', out, '--train', 'synthetic:3', '--datasets', 'synthetic:1', '--epochs', '1'],
    ...set('headWidth', 8),
    ...set('training.epochLength', 4),
    ...set('training.batch', 2),
    ...set('training.maxRounds', 1),
    ...set('evaluation.maxClicks', 2),
    ...set('evaluation.flip', false),
    ...set('report.examples', 1),
    ...set('report.features', 1),
    ...more,
  ];
}

export const set = (entryName: string, value: unknown): string[] => ['--set', `${entryName}=${JSON.stringify(value)}`];
