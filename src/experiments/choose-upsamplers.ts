import type { Backbone } from '../backbones/types.ts';
import { GraphError } from '../graph/tensor.ts';
import { modeSettings } from '../interaction/modes.ts';
import { cachedOfficial, findOfficial } from '../upsamplers/official.ts';
import { upsamplerGraph } from '../upsamplers/parameters.ts';
import { upsamplers } from '../upsamplers/registry.ts';
import type { Upsampler } from '../upsamplers/types.ts';
import type { Config } from './config.ts';
import { resolveBackbone } from './resolve-backbone.ts';

/** What may stand for names of upsamplers. */
const ALL = 'all';
const UNLEARNED = 'unlearned';

/**
 * Writes out `all` (every upsampler that can run with the backbone and whose weights are here) and `unlearned` (every one
 * that needs none) among the upsamplers of a configuration.
 *
 * @returns the configuration with names alone, and a note that says what is left out and why
 * @throws UserError for an unknown backbone or evaluation mode
 */
export function withUpsamplersNamed(config: Config): { config: Config; notes: string[] } {
  const asked = config.upsamplers;
  if (!asked.includes(ALL) && !asked.includes(UNLEARNED)) return { config, notes: [] };
  const backbone = resolveBackbone(config);
  const left: string[] = [];
  const able = upsamplers.filter(upsampler => {
    if (!asked.includes(ALL) && upsampler.learned) return false;
    const reason = whyNot(upsampler, backbone, config);
    if (reason !== undefined) left.push(`  ${upsampler.name}: ${reason}`);
    return reason === undefined;
  });
  const names = asked.flatMap(name => {
    if (name === ALL) return able.map(each => each.name);
    return name === UNLEARNED ? able.filter(({ learned }) => !learned).map(each => each.name) : [name];
  });
  const note = `left out of ${asked.filter(name => name === ALL || name === UNLEARNED).join(' and ')}:\n${left.join('\n')}`;
  return { config: { ...config, upsamplers: [...new Set(names)] }, notes: left.length > 0 ? [note] : [] };
}

/** Why an upsampler cannot be run with what is here; undefined where it can. */
export function whyNot(upsampler: Upsampler, backbone: Backbone, config: Config): string | undefined {
  if (upsampler.learned && config.upsamplerWeights[upsampler.name] === undefined) {
    const official = findOfficial(upsampler, backbone.name);
    if (!official) return `no weights are published for ${backbone.name}`;
    if ('page' in official.file)
      return `its weights are at ${official.file.page}: name a file with --upsampler-weights`;
    if (cachedOfficial(official) === undefined) {
      return `its weights are not here: clickprobe models get ${official.name} fetches them`;
    }
  }
  return obstacle(upsampler, backbone, config);
}

/** Why an upsampler cannot run on a backbone at the sizes of a configuration; undefined where it can. */
export function obstacle(upsampler: Upsampler, backbone: Backbone, config: Config): string | undefined {
  const { size } = modeSettings(config.evaluation.mode, '', backbone.stride);
  const trained = config.training.size;
  const sizes = [[trained, trained], ...(size && String(size) !== String([trained, trained]) ? [size] : [])];
  for (const [height, width] of sizes) {
    try {
      upsamplerGraph(upsampler, backbone, [height, width]);
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      return `at ${height} x ${width} px: ${error.message}`;
    }
  }
  return undefined;
}
