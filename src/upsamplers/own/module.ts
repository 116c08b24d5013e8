import { dirname, join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { show } from '../../graph/tensor.ts';
import { upsamplerParameters } from '../parameters.ts';
import { type CheckpointTarget, readUpsamplerWeights } from '../read-checkpoint.ts';
import { checked } from './checked.ts';
import type { FileRecord } from './entry.ts';
import { loadModule } from './load-module.ts';
import type { LoadedWeights, OwnUpsampler, Upsample, UpsamplerModule } from './types.ts';

const definition = z.strictObject({
  name: z.string().optional(),
  description: z.string().optional(),
  source: z.string().optional(),
  licence: z.string().optional(),
  learned: z.boolean().optional(),
  linear: z.boolean().optional(),
  agnostic: z.boolean().optional(),
  ratio: z.union([z.enum(['any', 'whole', 'powers of 2']), z.number().positive()]).optional(),
  weights: z.string().min(1).optional(),
  upsample: z.custom<Upsample>(value => typeof value === 'function', 'expected a function'),
});

/**
 * An upsampler out of a TypeScript or JavaScript file.
 *
 * @param name of its row, whatever the module calls itself.
 * @throws UserError where it cannot be loaded, or its default export is no upsampler.
 */
export async function moduleUpsampler(name: string, file: FileRecord): Promise<OwnUpsampler> {
  const { path } = file;
  const own = ownDefinition((await loadModule(path)).default, path);
  const weights = own.weights === undefined ? undefined : join(dirname(path), own.weights);
  const upsampler: OwnUpsampler = {
    name,
    file,
    description: own.description ?? `the upsampler of ${path}`,
    source: own.source ?? `the file ${path}`,
    licence: own.licence ?? 'that of the file',
    learned: own.learned ?? weights !== undefined,
    linear: own.linear ?? false,
    agnostic: own.agnostic ?? weights === undefined,
    ratio: own.ratio ?? 'any',
    upsample: checked(path, (...given) => own.upsample(...given)),
    load: (target, given = weights, onNote) => load(upsampler, target, given, onNote),
  };
  return upsampler;
}

function ownDefinition(given: unknown, path: string): UpsamplerModule {
  if (given === undefined) {
    throw new UserError(
      `${path} has no default export: expected \`export default\` and a function (features, image, size, scope) => ` +
        'features, or an object with it as `upsample`. docs/upsamplers.md shows one',
    );
  }
  if (typeof given === 'function') return { upsample: given as Upsample };
  const { error } = definition.safeParse(given);
  if (!error) return given as UpsamplerModule;
  const lines = error.issues.map(issue => `  ${issue.path.join('.') || 'default'}: ${issue.message}`);
  throw new UserError(
    `the default export of ${path} is no upsampler:\n${lines.join('\n')}\nExpected a function (features, image, size, ` +
      'scope) => features, or an object with it as `upsample`. docs/upsamplers.md shows one',
  );
}

function load(
  upsampler: OwnUpsampler,
  target: CheckpointTarget,
  from: string | undefined,
  onNote?: (text: string) => void,
): LoadedWeights {
  const { path } = upsampler.file;
  // whether it is learned shows in what it asks for, not in what it says of itself
  const learned = { ...upsampler, learned: true };
  const asked = upsamplerParameters(learned, target).map(({ name, shape }) => `${name} ${show(shape)}`);
  if (from !== undefined) {
    if (asked.length > 0) return { weights: readUpsamplerWeights(from, learned, target, onNote), from };
    throw new UserError(`${path} asks for no parameters, given the weights ${from}: leave them out`);
  }
  if (asked.length === 0) return { weights: new Map(), from: null };
  throw new UserError(
    `${path} asks for ${asked.slice(0, 5).join(', ')}${asked.length > 5 ? `, ... (${asked.length})` : ''}, and there are ` +
      `no weights: name a file in its \`weights\`, or give it: --upsampler-weights ${upsampler.name}=FILE`,
  );
}
