import { existsSync } from 'node:fs';
import { UserError } from '../base/errors.ts';
import { buildProbe, type Probe } from '../probe/probe.ts';
import type { Values } from '../probe/programs.ts';
import { loadState } from '../training/state.ts';
import type { Config } from './config.ts';
import { filesOf, requireSameFiles } from './own-files.ts';
import { checkConfig, readYaml } from './resolve-config.ts';
import { RunFolder } from './run-folder.ts';
import { openProbes } from './setup.ts';

/** The configuration of a run. @throws UserError where the folder holds none of this version */
export function runConfig(root: string): Config {
  const { config } = new RunFolder(root);
  if (existsSync(config)) return checkConfig(readYaml(config), config);
  throw new UserError(
    `${root} is not a run folder: it has no config.yaml. Give the --out folder of a clickprobe bench`,
  );
}

/** A probe of a run with what it has learnt. */
export interface TrainedProbe {
  config: Config;
  /** Its upsampler. */
  name: string;
  probe: Probe;
  trained: Values;
  /** Training steps done. */
  steps: number;
}

/**
 * Reads a trained probe out of a run folder.
 *
 * @param upsampler which of its probes; may be left out where there is one
 * @throws UserError where there is no run, no such probe, or several to choose from
 */
export async function readTrainedProbe(root: string, upsampler?: string): Promise<TrainedProbe> {
  const config = runConfig(root);
  const probes = await openProbes(config);
  const names = [...probes.keys()];
  if (upsampler === undefined && names.length > 1) {
    throw new UserError(`${root} has probes with the upsamplers ${names.join(', ')}: choose one with --upsampler`);
  }
  const name = upsampler ?? names[0];
  const probe = probes.get(name);
  if (!probe) throw new UserError(`${root} has no probe with the upsampler ${name}; it has ${names.join(', ')}`);
  const { size } = config.training;
  const { trained } = buildProbe(probe, 1, [size, size]);
  const folder = new RunFolder(root);
  requireSameFiles(folder, filesOf([...probes.values()]));
  const path = folder.checkpoint(name);
  const state = loadState(path, new Map([...trained].map(([key, { shape }]) => [key, shape])));
  if (!state) throw new UserError(`${root} has not trained ${name} yet: ${path} does not exist. Finish that run first`);
  return { config, name, probe, trained: state.parameters, steps: state.step };
}
