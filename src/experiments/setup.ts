import { findBackbone } from '../backbones/registry.ts';
import type { Backbone, Weights } from '../backbones/types.ts';
import { suggest, UserError } from '../base/errors.ts';
import { clickEncoders } from '../clicks/encoders.ts';
import { sameShape, show } from '../graph/tensor.ts';
import { heads } from '../heads/heads.ts';
import { modeSettings } from '../interaction/modes.ts';
import type { Probe, ProbeGraph } from '../probe/probe.ts';
import type { ProgramOptions, Values } from '../probe/programs.ts';
import { findUpsampler, upsamplers } from '../upsamplers/registry.ts';
import type { Config } from './config.ts';

/**
 * The probes of a run, one per upsampler.
 *
 * @throws UserError for an unknown name or evaluation mode, or a training size that the backbone's stride does not divide
 */
export function makeProbes(config: Config): Map<string, Probe> {
  const backbone = findBackbone(config.backbone);
  const { size } = config.training;
  if (size % backbone.stride !== 0) {
    const near = Math.max(1, Math.round(size / backbone.stride)) * backbone.stride;
    throw new UserError(
      `training.size is ${size} px; ${backbone.name} needs a multiple of ${backbone.stride}, such as ${near}`,
    );
  }
  modeSettings(config.evaluation.mode, '', backbone.stride);
  const head = find(heads, config.head, 'head');
  const clickEncoder = find(clickEncoders, config.clickEncoder, 'click encoder');
  const headWidth = config.headWidth ?? backbone.channels;
  return new Map(
    config.upsamplers.map(name => {
      const upsampler = findUpsampler(name);
      if (upsampler.learned) {
        const others = upsamplers.filter(({ learned }) => !learned).map(each => each.name);
        throw new UserError(
          `the upsampler ${name} is learned: it is defined, but a bench cannot load its trained weights yet. ` +
            `Choose among ${others.join(', ')}`,
        );
      }
      return [name, { backbone, upsampler, head, headWidth, clickEncoder, injection: config.injection }];
    }),
  );
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

/** The backbone's weights under the names of the graph's sources. */
export function frozenValues(graph: Pick<ProbeGraph, 'frozen'>, backbone: Backbone, weights: Weights): Values {
  const prefix = 'frozen.backbone.';
  const values = new Map<string, Float32Array>();
  for (const [name, { shape }] of graph.frozen) {
    const stored = weights.get(name.slice(prefix.length));
    if (!name.startsWith(prefix) || !stored || !sameShape(stored.shape, shape)) {
      throw new UserError(
        `the weights of ${backbone.name} do not fit: "${name}" should be ${show(shape)}, ` +
          `found ${stored ? show(stored.shape) : 'nothing'}. Give the right file with --weights`,
      );
    }
    values.set(name, stored.data);
  }
  return values;
}

export const programOptions = ({ passes: { split, ...passes }, threads, device }: Config): ProgramOptions => ({
  passes,
  split,
  device,
  ...(threads === null ? {} : { threads }),
});
