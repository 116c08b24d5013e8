import { basename } from 'node:path';
import type { Shape } from '../../../src/graph/tensor.ts';
import { readSafetensors } from '../../../src/weights/safetensors.ts';

/** A case of reference numbers: tensors by their full names (`input.x`, `weight.proj.bias`, `output.y`, `grad.R` ...). */
export interface Golden {
  /** As its metadata says, else the file's name without ending. */
  name: string;
  config: Record<string, unknown>;
  tensors: Map<string, { shape: Shape; data: Float32Array }>;
  /** Those that the reference holds in float64. */
  doubles: Map<string, Float64Array>;
  /** Those that it holds as whole numbers of 64 bits. */
  integers: Map<string, number[]>;
  /** Which outputs the gradients are projected from. */
  projected: string[];
  /** Largest difference of float32 to float64 in the reference itself, by tensor. */
  noise: Record<string, number>;
  /** What its author remarks. */
  notes: string;
}

/** Reads a case. @throws Error where it says nothing of its configuration. */
export function openGolden(path: string): Golden {
  const { metadata, tensors } = readSafetensors(path);
  if (metadata.config === undefined) throw new Error(`${path} has no "config" in its metadata`);
  const floats = [...tensors].flatMap(([name, { shape, data }]) =>
    data instanceof Float32Array ? [[name, { shape, data }] as const] : [],
  );
  const doubles = [...tensors].flatMap(([name, { data }]) =>
    data instanceof Float64Array ? [[name, data] as const] : [],
  );
  const integers = [...tensors].flatMap(([name, { data }]) =>
    data instanceof BigInt64Array ? [[name, Array.from(data, Number)] as const] : [],
  );
  return {
    name: metadata.case ?? basename(path, '.safetensors'),
    config: JSON.parse(metadata.config),
    tensors: new Map(floats),
    doubles: new Map(doubles),
    integers: new Map(integers),
    projected: JSON.parse(metadata.R_keys ?? '[]'),
    noise: JSON.parse(metadata.fp32_vs_fp64_max_abs ?? '{}'),
    notes: metadata.notes ?? '',
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
