/** Static sizes, outermost first. */
export type Shape = readonly number[];

type Attribute = number | string | boolean | readonly number[] | Float32Array | Matrix | undefined;
export type Attributes = Readonly<Record<string, Attribute>>;

/** A constant matrix, row-major: `data[row * cols + col]`. */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly data: Float32Array;
}

/**
 * A symbolic float32 tensor: what an op gives for its inputs. Immutable, so a graph is just the
 * tensors reachable from its outputs, and a pass is a function from tensors to tensors.
 */
export interface Tensor {
  readonly op: string;
  readonly inputs: readonly Tensor[];
  readonly attributes: Attributes;
  readonly shape: Shape;
}

/**
 * How often the value of a source changes, slowest first. `frozen` never, `weights` with every training
 * step, `image` with every picture or crop, `clicks` with every click. The split pass cuts along these.
 */
export const rates = ['frozen', 'weights', 'image', 'clicks'] as const;
export type Rate = (typeof rates)[number];

/** A graph that cannot be built: names the op and the shapes. */
export class GraphError extends Error {
  override name = 'GraphError';
}

/** A value fed by name, or bound to data when the graph is compiled. */
export function input(name: string, shape: Shape, rate: Rate): Tensor {
  if (shape.some(size => !Number.isInteger(size) || size < 1)) {
    throw new GraphError(`input "${name}": every size must be a positive integer, given ${show(shape)}`);
  }
  return { op: 'input', inputs: [], attributes: { name, rate }, shape };
}

export function constant(data: Float32Array, shape: Shape): Tensor {
  if (data.length !== count(shape)) {
    throw new GraphError(`constant: ${data.length} numbers given for shape ${show(shape)}`);
  }
  return { op: 'constant', inputs: [], attributes: { data }, shape };
}

export const scalar = (value: number): Tensor => constant(Float32Array.of(value), []);

/** The name of an input. */
export const nameOf = (source: Tensor): string => source.attributes.name as string;

export const count = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

export const show = (shape: Shape): string => `[${shape.join(', ')}]`;

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((size, i) => size === b[i]);

/**
 * Every tensor that the outputs need, inputs before those that use them.
 *
 * @param without tensors that are left out, with what only they need
 */
export function topological(outputs: readonly Tensor[], without?: (tensor: Tensor) => boolean): Tensor[] {
  const order: Tensor[] = [];
  const seen = new Set<Tensor>();
  const stack: { tensor: Tensor; next: number }[] = [];
  const enter = (tensor: Tensor) => {
    if (seen.has(tensor) || without?.(tensor)) return;
    seen.add(tensor);
    stack.push({ tensor, next: 0 });
  };
  for (const output of outputs) {
    enter(output);
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top.next < top.tensor.inputs.length) enter(top.tensor.inputs[top.next++]);
      else order.push(stack.pop()!.tensor);
    }
  }
  return order;
}

/** Ops that give the memory of their first input another name. */
export const RENAMING: ReadonlySet<string> = new Set(['reshape', 'recomputed', 'detach']);

/** Ops that show numbers of their first input as they are: to hold one beside it would hold the same twice. */
export const VIEWS: ReadonlySet<string> = new Set(['slice', 'reshape', 'expand']);

/** The named sources that the outputs need. */
export const sources = (outputs: readonly Tensor[]): Tensor[] => topological(outputs).filter(t => t.op === 'input');
