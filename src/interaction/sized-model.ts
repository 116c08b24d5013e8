import type { Program } from '../runtime/program.ts';
import type { ClickModel } from './model.ts';
import { probeClickModel } from './probe-model.ts';
import type { Size } from './zoom.ts';

export interface SizedClickModel extends ClickModel {
  /** Compiles for a size of the network's input, so that no click's time contains it. */
  prepare(size: Size): Promise<void>;
  /** Gives all programs back. */
  release(): Promise<void>;
}

interface Compiled {
  program: Program;
  model: ClickModel;
  image: Float32Array | null;
}

/**
 * A probe as click model for crops of any size. A program knows one size: each is compiled when it is first needed and
 * kept until others have been used since, which bounds the memory (every program holds the weights once more).
 *
 * @param compile the probe for inference, as `compileInference` gives it, at a size and always the same batch
 * @param capacity how many programs are held at most, at least 1
 */
export function sizedClickModel(compile: (size: Size) => Promise<Program>, capacity = 4): SizedClickModel {
  /** By size, the one used longest ago first. */
  const held = new Map<string, Promise<Compiled>>();
  let shown: { image: Float32Array; shape: readonly [number, number, number, number] } | null = null;

  async function compiled(size: Size): Promise<Compiled> {
    const key = size.join('x');
    const found = held.get(key);
    held.delete(key);
    // room is made first: during the compilation, too, no more than `capacity` are held
    while (held.size >= capacity) await drop(held.keys().next().value!);
    const entry = found ?? start(size);
    held.set(key, entry);
    try {
      return await entry;
    } catch (error) {
      held.delete(key);
      throw error;
    }
  }

  async function start(size: Size): Promise<Compiled> {
    const program = await compile(size);
    return { program, model: probeClickModel(program), image: null };
  }

  async function drop(key: string): Promise<void> {
    const entry = held.get(key)!;
    held.delete(key);
    await (await entry).program.release();
  }

  return {
    async setImage(image, shape) {
      shown = { image, shape };
    },
    async predict(input, points) {
      if (!shown) throw new Error('predict before setImage');
      const { image, shape } = shown;
      const entry = await compiled([shape[2], shape[3]]);
      if (entry.image !== image) {
        await entry.model.setImage(image, shape);
        entry.image = image;
      }
      return entry.model.predict(input, points);
    },
    async prepare(size) {
      await compiled(size);
    },
    async release() {
      for (const key of [...held.keys()]) await drop(key);
    },
  };
}
