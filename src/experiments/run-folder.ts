import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { isModelFile } from '../backbones/imported/model-file.ts';
import { UserError } from '../base/errors.ts';
import { createFile, makeFolder, writeFileAtomic } from '../base/files.ts';
import { isAlive } from '../base/processes.ts';
import type { Config } from './config.ts';
import { configDifferences } from './config-differences.ts';
import { checkConfig, readYaml } from './resolve-config.ts';

/** Where the files of a run are. Everything in it is written atomically, so that it is valid whenever one looks. */
export class RunFolder {
  readonly config: string;
  readonly environment: string;
  readonly results: string;
  readonly report: string;

  constructor(readonly root: string) {
    this.config = join(root, 'config.yaml');
    this.environment = join(root, 'environment.json');
    this.results = join(root, 'results.json');
    this.report = join(root, 'report.html');
  }

  checkpoint = (upsampler: string) => join(this.root, 'probes', upsampler, 'checkpoint.safetensors');
  trainingLog = (upsampler: string) => join(this.root, 'probes', upsampler, 'training.jsonl');
  curves = (upsampler: string, dataset: string) => join(this.root, 'curves', upsampler, `${dataset}.json`);
  pictures = (upsampler: string, dataset: string) => join(this.root, 'pictures', upsampler, `${dataset}.json`);

  /**
   * Makes the folder for this configuration, or goes on in one that was made for the same.
   *
   * @returns whether the run goes on
   * @throws UserError where the folder holds a run of another configuration, or something else
   */
  open(config: Config): boolean {
    if (existsSync(this.config)) {
      const earlier = checkConfig(readYaml(this.config), this.config);
      const differing = configDifferences(comparable(earlier), comparable(config)).map(
        ({ path, first, second }) => `${path}: there ${JSON.stringify(first)}, asked for ${JSON.stringify(second)}`,
      );
      if (differing.length > 0) {
        throw new UserError(
          `${this.root} holds a run of another configuration:\n${differing.map(line => `  ${line}`).join('\n')}\n` +
            'Choose another folder with --out, or remove this one',
        );
      }
      return true;
    }
    writeFileAtomic(this.config, stringify(config));
    return false;
  }

  /** Keeps a second process out until `release`. */
  lock(): { release(): void } {
    const path = join(this.root, 'lock');
    makeFolder(this.root);
    if (existsSync(path)) {
      const holder = Number(readFileSync(path, 'utf8'));
      if (holder !== process.pid && isAlive(holder)) {
        throw new UserError(
          `process ${holder} is working in ${this.root}. Wait for it, stop it, or choose another --out`,
        );
      }
      rmSync(path, { force: true });
    }
    createFile(path, String(process.pid));
    return { release: () => rmSync(path, { force: true }) };
  }
}

/** What decides the numbers: how fast they are made does not. */
export function comparable({
  threads: _,
  memory: ____,
  onnx,
  training,
  upsamplerWeights,
  granularity,
  ...rest
}: Config): Record<string, unknown> {
  const { checkpointSeconds: __, workers: ___, ...decisive } = training;
  // none is what runs of earlier versions had, which did not write it down
  return {
    ...rest,
    ...(Object.keys(upsamplerWeights).length > 0 && { upsamplerWeights }),
    ...(granularity && { granularity }),
    ...(isModelFile(rest.backbone) && { onnx }),
    training: decisive,
  };
}
