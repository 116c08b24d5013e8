import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';

/** What one process of either side measured. */
export interface Sample {
  /** Median over the inner runs. */
  seconds: number;
  /** The process's own peak resident set, in MiB. */
  peakMb: number;
}

/** The line that either side prints; it may hold more. */
const line = z.object({ median_s: z.number().positive(), peak_rss_mb: z.number().positive() });

const execute = promisify(execFile);

/**
 * Runs a command to its end and reads the JSON object in the last line that it prints.
 *
 * @throws Error that says why, with the end of what the command wrote to stderr.
 */
export async function sample(command: string, args: readonly string[], env = process.env): Promise<Sample> {
  const { stdout } = await execute(command, [...args], { env, maxBuffer: 2 ** 26 }).catch(error => {
    const said = String(error.stderr ?? '').trim();
    throw new Error(said.split('\n').slice(-8).join('\n') || error.message, { cause: error });
  });
  return parseLine(stdout);
}

/** @throws Error where the last line is not a JSON object with `median_s` and `peak_rss_mb`. */
export function parseLine(stdout: string): Sample {
  const last = stdout.trim().split('\n').at(-1)!;
  try {
    const { median_s, peak_rss_mb } = line.parse(JSON.parse(last));
    return { seconds: median_s, peakMb: peak_rss_mb };
  } catch (cause) {
    const given = last === '' ? 'nothing' : `"${last.slice(0, 200)}"`;
    throw new Error(`expected a last line of JSON with median_s and peak_rss_mb above 0, given ${given}`, { cause });
  }
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
