import { UserError } from '../base/errors.ts';
import { input, type Tensor } from '../graph/tensor.ts';
import { cachedFile } from '../hub/cache.ts';
import { Scope } from '../nn/scope.ts';
import { fitWeights } from '../weights/fit-weights.ts';
import type { Layout } from '../weights/layout.ts';
import { readWeights } from '../weights/read-weights.ts';
import type { Backbone, BackboneEntry, FeatureChoice, FeatureKind } from './types.ts';
import { type VitConfig, vit } from './vit.ts';

interface Common extends Pick<BackboneEntry, 'name' | 'description' | 'paper' | 'licence' | 'normalisation'> {
  /** Repository on huggingface.co, and the file in it (model.safetensors by default). */
  hub: string;
  file?: string;
  layouts: readonly Layout[];
}

interface Definition extends Common {
  stride: number;
  /** Of the tokens that clicks are added to. */
  dim: number;
  channels(choice: FeatureChoice): number;
  /** 1 by default. */
  featureScale?(choice: FeatureChoice): number;
  blocks: number;
  kinds: readonly FeatureKind[];
  network(image: Tensor, scope: Scope, clicks?: Tensor, choice?: FeatureChoice): Tensor;
  /** Asks for every parameter of the file, where `network` does not. */
  complete?(image: Tensor, scope: Scope): unknown;
}

/** The registry's entry of a network whose weights are a file from the hub. */
export function backboneEntry(definition: Definition): BackboneEntry {
  const { name, paper, hub, licence, description, normalisation, stride, dim } = definition;
  const { network, complete = network, file = 'model.safetensors' } = definition;

  const parameters = () => parametersOf(complete, stride);
  const choose = (choice: FeatureChoice, chosen: string): Backbone => ({
    name: chosen,
    description,
    source: `${paper}; weights: huggingface.co/${hub}`,
    licence,
    stride,
    channels: definition.channels(choice),
    featureScale: definition.featureScale?.(choice) ?? 1,
    early: { channels: dim, stride, gain: 1 },
    normalisation,
    features: (image, scope, clicks) => network(image, scope, clicks, choice),
    async weights(path = cachedFile({ id: hub, file, revision: 'main' })) {
      if (path === undefined) {
        throw new UserError(
          `${chosen} needs its weights: run clickprobe models get ${name}, or download https://huggingface.co/${hub}/resolve/main/${file} and name it by --weights FILE (read are files in ${namesOf(definition.layouts)} names)`,
        );
      }
      return fitWeights(readWeights(path), path, name, parameters(), definition.layouts);
    },
  });
  return {
    ...choose({}, name),
    paper,
    file: { hub, name: file },
    blocks: definition.blocks,
    kinds: definition.kinds,
    parameters,
    choose,
  };
}

/** The parameters that a network asks for, by name. */
export function parametersOf(network: (image: Tensor, scope: Scope) => unknown, stride: number) {
  const scope = Scope.frozen('w');
  network(input('image', [1, 3, 2 * stride, 2 * stride], 'image'), scope);
  return [...scope.parameters.values()].map(({ name, shape }) => ({ name: name.slice('w.'.length), shape }));
}

/** The entry of a plain vision transformer. */
export function vitEntry(
  definition: Common & {
    config: VitConfig;
    /** Kind of its features; `value` ones offer no other. */
    kind?: FeatureKind;
  },
): BackboneEntry {
  const { config, kind = 'token' } = definition;
  const { patch, dim, depth, projection = dim } = config;
  return backboneEntry({
    ...definition,
    stride: patch,
    dim,
    channels: choice => ((choice.kind ?? kind) === 'value' ? projection : dim),
    blocks: depth,
    kinds: kind === 'value' ? [] : ['key'],
    network: (image, scope, clicks, choice) => vit(image, scope, config, clicks, { kind, ...choice }),
    complete(image, scope) {
      vit(image, scope, config);
      if (config.projection !== undefined) vit(image, scope, config, undefined, { kind: 'value' });
    },
  });
}

const namesOf = (layouts: readonly Layout[]): string => {
  const names = [...new Set(layouts.map(({ name }) => name))];
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
};
