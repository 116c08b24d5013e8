import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { OnnxOptions } from '../backbones/imported/options.ts';
import { UserError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';

/** What decides the numbers of a training. How many steps it takes and how fast does not: it can go on. */
export interface UpsamplerConfig {
  upsampler: string;
  stage: number;
  /** Of the registry, or a file. */
  backbone: string;
  /** How it is used where it is a file. */
  onnx?: OnnxOptions;
  /** File of the backbone's weights; null where it finds them itself. */
  weights: string | null;
  images: string;
  size: number;
  batch: number;
  seed: number;
  learningRate: number;
  /** File that training begins with. */
  from: string | null;
  heldOutShare: number;
}

/** Where the files of a training are. */
export const runFiles = (root: string) => ({
  config: join(root, 'config.yaml'),
  environment: join(root, 'environment.json'),
  checkpoint: join(root, 'checkpoint.safetensors'),
  log: join(root, 'training.jsonl'),
  upsampler: join(root, 'upsampler.safetensors'),
  results: join(root, 'results.json'),
});

/**
 * Writes the configuration, or checks that the folder has the same.
 *
 * @returns whether a training goes on
 * @throws UserError where the folder holds another training
 */
export function openRun(root: string, config: UpsamplerConfig): boolean {
  const path = runFiles(root).config;
  if (!existsSync(path)) {
    writeFileAtomic(path, stringify(config));
    return false;
  }
  const earlier = readConfig(path);
  const differing = Object.entries(config).flatMap(([name, asked]) => {
    const there = earlier[name];
    return JSON.stringify(there) === JSON.stringify(asked)
      ? []
      : [`  ${name}: there ${JSON.stringify(there)}, asked for ${JSON.stringify(asked)}`];
  });
  if (differing.length === 0) return true;
  throw new UserError(
    `${root} holds another training:\n${differing.join('\n')}\nChoose another folder with --out, or remove this one`,
  );
}

function readConfig(path: string): Record<string, unknown> {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`${path} is no valid YAML (${(error as Error).message}). Choose another folder with --out`, {
      cause: error,
    });
  }
  if (typeof content !== 'object' || content === null || !('upsampler' in content)) {
    throw new UserError(`${path} is not of a training of an upsampler. Choose another folder with --out`);
  }
  return content as Record<string, unknown>;
}
