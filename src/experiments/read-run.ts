import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { UserError } from '../base/errors.ts';
import type { MeasuredCurve, StopRule } from '../evaluation/object-metrics.ts';
import { rowName } from '../upsamplers/own/entry.ts';
import { readCurves } from './evaluation.ts';
import { readYaml } from './resolve-config.ts';
import { RunFolder } from './run-folder.ts';

/** What a finished run is compared by. Runs of other versions may have more or fewer entries in their configuration. */
export interface StoredRun {
  /** The folder as it was given. */
  root: string;
  config: StoredConfig;
  sets: readonly { name: string; spec: string }[];
  stop: StopRule;
  /** The command that made the run, and goes on with it. */
  command: string;
}

const storedConfig = z.looseObject({
  /** In a stored run: the baselines among them, files by the names of their rows. */
  upsamplers: z.array(z.string()).min(1),
  baselines: z.array(z.string()).optional(),
  seed: z.int(),
  /** Of what synthetic sets draw. */
  dataSeed: z.int().optional(),
  evaluation: z.looseObject({ maxClicks: z.int().min(1), targetIou: z.number().nullable() }),
});
type StoredConfig = z.infer<typeof storedConfig>;

const storedEnvironment = z.looseObject({
  command: z.string(),
  evaluation: z.array(z.looseObject({ name: z.string(), spec: z.string() })).min(1),
});

/** @throws UserError where the folder holds no run */
export function readRun(root: string): StoredRun {
  const folder = new RunFolder(root);
  if (!existsSync(root)) throw new UserError(`there is no folder ${root}: give the --out folder of a clickprobe bench`);
  if (!existsSync(folder.config) || !existsSync(folder.environment)) {
    throw new UserError(
      `${root} is not a run folder: it needs a config.yaml and an environment.json. ` +
        'Give the --out folder of a clickprobe bench',
    );
  }
  const stored = check(storedConfig, readYaml(folder.config), folder.config);
  const upsamplers = [...(stored.baselines ?? []), ...stored.upsamplers.map(rowName)];
  // scenes once were drawn from the seed of everything
  const config = { ...stored, upsamplers, dataSeed: stored.dataSeed ?? stored.seed };
  const environment = check(storedEnvironment, readJson(folder.environment), folder.environment);
  const { maxClicks, targetIou } = config.evaluation;
  const { command, evaluation: sets } = environment;
  return { root, config, sets, stop: { maxClicks, targetIou }, command };
}

function check<T>(schema: z.ZodType<T>, content: unknown, path: string): T {
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  const lines = result.error.issues.map(issue => `  ${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw new UserError(`${path} is not that of a run:\n${lines.join('\n')}`);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`${path} is damaged: ${(error as Error).message}`);
  }
}

/**
 * The evaluated objects of one upsampler on one set.
 *
 * @throws UserError where the run did not come so far
 */
export function readObjects(run: StoredRun, upsampler: string, set: string): MeasuredCurve[] {
  const { complete, curves } = readCurves(new RunFolder(run.root).curves(upsampler, set));
  if (!complete || curves.length === 0) {
    throw new UserError(
      `${run.root} is unfinished: ${upsampler} has ${curves.length === 0 ? 'no objects' : `${curves.length} objects so far`} ` +
        `on ${set}. Finish it with\n  ${run.command}\nor leave the upsampler out with --upsamplers`,
    );
  }
  return curves;
}
