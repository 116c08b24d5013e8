import type { Tensor } from '../graph/tensor.ts';

export type Feeds = Readonly<Record<string, Float32Array>>;
export type Results = Record<string, Float32Array>;

/** Sets of outputs asked for at different times: `{ predict: { logits }, step: { loss, ... } }`. */
export type OutputGroups = Readonly<Record<string, Readonly<Record<string, Tensor>>>>;

/**
 * A compiled graph. What is not fed keeps its last value, and only what depends on something newly fed runs again.
 */
export interface Program {
  /**
   * Computes the outputs of a group. The arrays given back are reused by the next run: copy what must last.
   *
   * @throws GraphError where an input was never fed, is unknown, or has another size.
   */
  run(group: string, feeds: Feeds): Promise<Results>;
  release(): Promise<void>;
}

export interface CompileOptions {
  /** Values that never change, by source name. Large matrices among them are read where they are, all else is copied. */
  bound?: ReadonlyMap<string, Float32Array>;
  /** Where it runs; `cpu` by default. */
  device?: 'cpu' | 'webgpu';
  threads?: number;
  /** Run only what changed (the split pass). On by default. */
  split?: boolean;
  /** Whether gradients are among the outputs, which decides how values are laid out in memory. True by default. */
  forGradient?: boolean;
  /** Bytes that intermediate values of an inference may take. */
  memory?: number;
  /** Feeds and results hold so many images of the graph's size, which run one after the other. 1 by default. */
  images?: number;
}
