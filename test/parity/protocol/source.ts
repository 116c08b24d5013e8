import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../../../src/base/errors.ts';
import type { StoredTensor } from '../../../src/weights/dtypes.ts';
import { readSafetensors, type Safetensors } from '../../../src/weights/safetensors.ts';

// biome-ignore lint/suspicious/noExplicitAny: foreign JSON, whose fields the runner of each kind knows
export type Json = any;

/** A JSON file of reference numbers and the tensors that lie beside it. */
export class Source {
  /** The file's name without ending. */
  readonly stem: string;
  readonly folder: string;
  readonly json: Json;
  private companions: string[] | undefined;
  private readonly opened = new Map<string, Safetensors['tensors']>();

  constructor(path: string) {
    this.stem = basename(path, '.json');
    this.folder = dirname(path);
    this.json = JSON.parse(readFileSync(path, 'utf8'));
  }

  has(key: string): boolean {
    return this.find(key) !== undefined;
  }

  /** @throws Error where no file beside the JSON holds the tensor. */
  tensor(key: string): StoredTensor {
    const found = this.find(key);
    if (!found) throw new Error(`${this.stem}.json refers to the tensor ${key}, which no .safetensors beside it holds`);
    return found;
  }

  bytes(key: string): Uint8Array {
    return this.typed(key, Uint8Array);
  }

  floats(key: string): Float32Array {
    return this.typed(key, Float32Array);
  }

  doubles(key: string): Float64Array {
    return this.typed(key, Float64Array);
  }

  /** The tensors of this file and of those that belong to it, by name: those of the file that fits best. */
  keys(): string[] {
    const [first] = this.files();
    return first === undefined ? [] : [...this.open(first).keys()];
  }

  private typed<T>(key: string, type: new (...args: never[]) => T): T {
    const { data } = this.tensor(key);
    if (!(data instanceof type)) throw new Error(`the tensor ${key} of ${this.stem} is no ${type.name}`);
    return data;
  }

  private find(key: string): StoredTensor | undefined {
    for (const file of this.files()) {
      const tensor = this.open(file).get(key);
      if (tensor) return tensor;
    }
    return undefined;
  }

  private open(file: string): Safetensors['tensors'] {
    const known = this.opened.get(file) ?? tensorsOf(join(this.folder, file));
    this.opened.set(file, known);
    return known;
  }

  /**
   * The .safetensors of the folder, those first whose names share most words with the JSON's name and with the files
   * that its text mentions: suffixes differ from set to set.
   */
  private files(): string[] {
    if (this.companions) return this.companions;
    const mentioned = JSON.stringify(this.json).match(/\w+(?=\.safetensors)/g) ?? [];
    const known = new Set([this.stem, ...mentioned].flatMap(words));
    const own = new Set(words(this.stem));
    const score = (file: string) => {
      const given = words(basename(file, '.safetensors'));
      const count = (test: (word: string) => boolean) => given.filter(test).length;
      return count(word => known.has(word)) - count(word => !known.has(word)) + 0.1 * count(word => own.has(word));
    };
    const files = readdirSync(this.folder).filter(file => file.endsWith('.safetensors'));
    this.companions = files.sort((a, b) => score(b) - score(a));
    return this.companions;
  }
}

/** None of a file that cannot be read: that file is a failed case of its own. */
function tensorsOf(path: string): Safetensors['tensors'] {
  try {
    return readSafetensors(path).tensors;
  } catch (error) {
    if (error instanceof UserError) return new Map();
    throw error;
  }
}

const words = (stem: string): string[] => stem.split(/[_\-.]+/);
