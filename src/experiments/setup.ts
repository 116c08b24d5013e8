import { isModelFile } from '../backbones/imported/model-file.ts';
import { suggest, UserError } from '../base/errors.ts';
import { clickEncoders } from '../clicks/encoders.ts';
import { heads } from '../heads/heads.ts';
import type { Head } from '../heads/types.ts';
import { modeSettings } from '../interaction/modes.ts';
import { necks } from '../necks/necks.ts';
import type { Probe } from '../probe/probe.ts';
import type { ProgramOptions } from '../probe/programs.ts';
import { officialFor } from '../upsamplers/official.ts';
import { openUpsamplers } from '../upsamplers/own/open.ts';
import { isOwn } from '../upsamplers/own/types.ts';
import { findUpsampler } from '../upsamplers/registry.ts';
import type { Upsampler } from '../upsamplers/types.ts';
import { obstacle } from './choose-upsamplers.ts';
import type { Config } from './config.ts';
import { granularityOf } from './granular.ts';
import { resolveBackbone } from './resolve-backbone.ts';

/** `makeProbes` with upsamplers that may be files. @throws UserError as there, and as `openUpsamplers` */
export const openProbes = async (config: Config): Promise<Map<string, Probe>> =>
  makeProbes(config, await openUpsamplers(config.upsamplers, config.baselines));

/**
 * The probes of a run, one per upsampler, by the name of its row.
 *
 * @param opened its upsamplers; may be left out where all are built in.
 * @throws UserError for an unknown name or evaluation mode, a training size that the backbone's stride does not divide,
 *   or an upsampler that cannot run there or has no weights for the backbone
 */
export function makeProbes(
  config: Config,
  opened: ReadonlyMap<string, Upsampler> = new Map(config.upsamplers.map(name => [name, findUpsampler(name)])),
): Map<string, Probe> {
  if (isModelFile(config.backbone) && config.onnx.scale === 'auto')
    throw new Error('the scale is to be measured before');
  const backbone = resolveBackbone(config);
  const { size } = config.training;
  if (size % backbone.stride !== 0) {
    const near = Math.max(1, Math.round(size / backbone.stride)) * backbone.stride;
    throw new UserError(
      `training.size is ${size} px; ${backbone.name} needs a multiple of ${backbone.stride}, such as ${near}`,
    );
  }
  modeSettings(config.evaluation.mode, '', backbone.stride);
  const head = find(heads, headName(config), 'head');
  const multiScale = findNeck(config, head);
  const clickEncoder = find(clickEncoders, config.clickEncoder, 'click encoder');
  const headWidth = config.headWidth ?? (multiScale ? PYRAMID_WIDTH : backbone.channels);
  const granularity = granularityOf(config);
  for (const name of Object.keys(config.upsamplerWeights)) if (!opened.has(name)) findUpsampler(name);
  return new Map(
    [...opened].map(([name, upsampler]) => {
      const wrong = obstacle(upsampler, backbone, config);
      if (wrong !== undefined) {
        throw new UserError(
          `${name} cannot run on ${backbone.name} ${wrong}. ` +
            'Choose other sizes (--set training.size=N, --mode fixedN), or leave it out of --upsamplers',
        );
      }
      // says at once where there are no weights
      const official = upsampler.learned && !isOwn(upsampler) && config.upsamplerWeights[name] === undefined;
      if (official) officialFor(upsampler, backbone.name);
      const { injection, memory } = config;
      const probe = { backbone, upsampler, head, headWidth, clickEncoder, injection, multiScale, granularity, memory };
      return [name, probe];
    }),
  );
}

/** Channels of SegFormer's head in the paper (supplementary A.2). */
const PYRAMID_WIDTH = 256;

/** The head that a configuration asks for. */
const headName = ({ head, neck }: Pick<Config, 'head' | 'neck'>): string =>
  head ?? (neck === 'none' ? 'conv' : 'segformer');

/** @throws UserError where it does not go with the head or the upsamplers */
function findNeck({ neck: name, neckWidth: width, upsamplers: rows }: Config, head: Head): Probe['multiScale'] {
  const chosen = find([{ name: 'none' as const }, ...necks], name, 'neck');
  if (!('maps' in chosen)) return undefined;
  if (!head.multiScale) {
    const fitting = heads.filter(({ multiScale }) => multiScale).map(each => each.name);
    throw new UserError(
      `the neck ${name} gives several maps, the head ${head.name} looks at one. Choose among ${fitting.join(', ')}, ` +
        'or name no head',
    );
  }
  const unused = rows.filter(row => row !== 'none');
  if (!chosen.usesUpsampler && unused.length > 0) {
    throw new UserError(
      `the neck ${name} makes its maps by layers of its own, so it would use none of the upsamplers ` +
        `${unused.join(', ')}. Ask for --upsamplers none`,
    );
  }
  return { neck: chosen, width };
}

function find<T extends { name: string }>(entries: readonly T[], name: string, what: string): T {
  const entry = entries.find(e => e.name === name);
  if (!entry)
    throw new UserError(
      `unknown ${what} "${name}": ${suggest(
        name,
        entries.map(e => e.name),
      )}`,
    );
  return entry;
}

export const programOptions = ({ passes: { split, ...passes }, threads, device, memory }: Config): ProgramOptions => ({
  passes,
  memory,
  split,
  device,
  ...(threads === null ? {} : { threads }),
});
