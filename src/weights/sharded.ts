import { dirname } from 'node:path';
import { z } from 'zod';
import { UserError } from '../base/errors.ts';
import { pathBeside } from './path-beside.ts';
import { selected, type Weight, type WeightSelection } from './weight.ts';

/** `model.safetensors.index.json` and `pytorch_model.bin.index.json` as Hugging Face's transformers writes them. */
export const shardIndex = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * The tensors asked for from the files that an index names; files of which nothing is asked for are not opened.
 *
 * @param read reads the given tensors of one file.
 * @throws UserError where a file lies outside the folder of the index or lacks a tensor.
 */
export function shardedWeights(
  path: string,
  index: z.infer<typeof shardIndex>,
  selection: WeightSelection,
  read: (path: string, only: (name: string) => boolean) => Map<string, Weight>,
): Map<string, Weight> {
  const names = Object.entries(index.weight_map).map(([stored, file]) => [stored, { stored, file }] as const);
  const wanted = selected(names, selection, path);
  const files = new Map<string, Set<string>>();
  for (const [, { stored, file }] of wanted) {
    const known = files.get(file);
    if (known) known.add(stored);
    else files.set(file, new Set([stored]));
  }
  const loaded = new Map<string, Weight>();
  for (const [file, stored] of files) {
    for (const [name, weight] of read(pathBeside(dirname(path), file, path), name => stored.has(name))) {
      loaded.set(name, weight);
    }
  }
  return new Map(
    wanted.map(([name, { stored, file }]) => {
      const weight = loaded.get(stored);
      if (!weight) throw new UserError(`${path}: ${file} holds no tensor "${stored}". Get both again`);
      return [name, weight];
    }),
  );
}
