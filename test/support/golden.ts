import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Shape } from '../../src/graph/tensor.ts';
import { readSafetensors } from '../../src/weights/safetensors.ts';

/** A case of reference numbers: tensors by their full names (`input.x`, `weight.proj.bias`, `output.y`, `grad.R` ...). */
export interface Golden {
  name: string;
  config: Record<string, unknown>;
  tensors: Map<string, { shape: Shape; data: Float32Array }>;
  /** Those that the reference holds in float64. */
  doubles: Map<string, Float64Array>;
  /** Which outputs the gradients are projected from. */
  projected: string[];
  /** Largest difference of float32 to float64 in the reference itself, by tensor. */
  noise: Record<string, number>;
}

/** Folders with reference networks: `../shared/golden/networks`, or those in CLICKPROBE_GOLDEN, separated by colons. */
function goldenFolders(): string[] {
  const given = process.env.CLICKPROBE_GOLDEN?.split(':').filter(Boolean);
  return given ?? [join(import.meta.dirname, '../../../shared/golden/networks')];
}

/** The reference cases there are; where a folder is absent a warning says that its tests are skipped. */
export function goldenFiles(): string[] {
  return goldenFolders().flatMap(folder => {
    if (!existsSync(folder)) {
      console.warn(`skipped: parity with the reference networks, ${folder} is absent`);
      return [];
    }
    const files = readdirSync(folder).filter(file => file.endsWith('.safetensors'));
    return files.sort().map(file => join(folder, file));
  });
}

export const caseName = (path: string): string => basename(path, '.safetensors');

export function openGolden(path: string): Golden {
  const { metadata, tensors } = readSafetensors(path);
  const floats = [...tensors].flatMap(([name, { shape, data }]) =>
    data instanceof Float32Array ? [[name, { shape, data }] as const] : [],
  );
  const doubles = [...tensors].flatMap(([name, { data }]) =>
    data instanceof Float64Array ? [[name, data] as const] : [],
  );
  return {
    name: caseName(path),
    config: JSON.parse(metadata.config),
    tensors: new Map(floats),
    doubles: new Map(doubles),
    projected: JSON.parse(metadata.R_keys ?? '[]'),
    noise: JSON.parse(metadata.fp32_vs_fp64_max_abs ?? '{}'),
  };
}

/** The same case under other names; tensors whose new name is null are left out. */
export function renamed(golden: Golden, rename: (name: string) => string | null): Golden {
  const entries = <T>(pairs: Iterable<[string, T]>) =>
    [...pairs].flatMap(([name, value]) => {
      const other = rename(name);
      return other === null ? [] : [[other, value] as const];
    });
  return {
    ...golden,
    tensors: new Map(entries(golden.tensors)),
    noise: Object.fromEntries(entries(Object.entries(golden.noise))),
  };
}
