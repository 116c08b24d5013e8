import { count, type Shape } from '../tensor.ts';
import { bytes, type Chunks, float, int, join, message, text } from './protobuf.ts';

/** ONNX attribute: an integer unless wrapped as `{ float }`. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

// TensorProto.DataType
const FLOAT = 1;
export const INT64 = 7;
const OPSET = 20;
const IR_VERSION = 10;

export interface EmitterOptions {
  /**
   * Let shapes be known only as values are made, not even how many axes they have. What the runtime knows ahead it plans
   * for: it keeps the memory of a value for later ones of the same shape, so that values of all shapes are held at once,
   * and looks through all of them for every value that it places. Else memory is given back after the last use.
   */
  lateShapes?: boolean;
}

/** Collects the nodes, constants, inputs and outputs of one ONNX model (field numbers: onnx.proto, ModelProto and below). */
export class Emitter {
  private readonly nodes: { inputs: readonly string[]; output: string; bytes: Chunks }[] = [];
  private readonly initializers: Chunks = [];
  private readonly inputs: Chunks = [];
  private readonly outputs: Chunks = [];
  private readonly wanted = new Set<string>();
  private readonly domains = new Set(['']);
  private readonly integers = new Map<string, string>();
  private readonly zeros = new Map<string, string>();
  private readonly scalars = new Map<number, string>();
  /** What depends on something fed. */
  private readonly varying = new Set<string>();
  private readonly late = new Map<string, string>();
  /** What a reshape with a late shape was made of. */
  private readonly reshaped = new Map<string, string>();
  /** An integer 0 that is not known ahead. */
  private zero: string | undefined;
  private counter = 0;

  constructor(private readonly options: EmitterOptions = {}) {}

  /** Adds a node with one output and gives that output's name. */
  node(
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    options: { domain?: string; output?: string } = {},
  ): string {
    const output = options.output ?? `%${this.counter++}`;
    const domain = options.domain ?? '';
    this.domains.add(domain);
    if (inputs.some(name => this.varying.has(name))) this.varying.add(output);
    const bytes = message(1, [
      ...inputs.flatMap(name => text(1, name)),
      ...text(2, output),
      ...text(3, `${type}/${output}`),
      ...text(4, type),
      ...Object.entries(attributes).flatMap(([name, value]) => message(5, attribute(name, value))),
      ...(domain ? text(7, domain) : []),
    ]);
    this.nodes.push({ inputs, output, bytes });
    return output;
  }

  /** A list of int64 (shapes, axes, pads ...). */
  int64(values: readonly number[]): string {
    const known = this.integers.get(values.join());
    if (known) return known;
    const name = `%${this.counter++}`;
    const data = BigInt64Array.from(values, value => BigInt(value));
    this.initializers.push(...message(5, tensorProto(name, INT64, [values.length], new Uint8Array(data.buffer))));
    this.integers.set(values.join(), name);
    return name;
  }

  /** The same numbers in another shape. */
  reshape(x: string, shape: Shape): string {
    if (this.zero === undefined || !this.varying.has(x)) return this.node('Reshape', [x, this.int64(shape)]);
    // ONNX Runtime 1.30 fails to start where two shapes that are known late follow each other
    const from = this.reshaped.get(x) ?? x;
    const name = this.node('Reshape', [from, this.lateShape(shape, this.zero)]);
    this.reshaped.set(name, from);
    return name;
  }

  /** As many of a shape's numbers as there are: a list of unknown length. */
  private lateShape(shape: Shape, zero: string): string {
    const known = this.late.get(shape.join());
    if (known) return known;
    const end = this.node('Add', [this.int64([shape.length]), zero]);
    const name = this.node('Slice', [this.int64(shape), this.int64([0]), end]);
    this.late.set(shape.join(), name);
    return name;
  }

  /** The sum of no numbers of a value: 0, but not to be had before the value is. */
  zeroFrom(name: string, size: number): string {
    const known = this.zeros.get(name);
    if (known) return known;
    const flat = this.node('Reshape', [name, this.int64([size])]);
    const nothing = this.node('Slice', [flat, this.int64([0]), this.int64([0]), this.int64([0])]);
    const zero = this.node('ReduceSum', [nothing, this.int64([0])], { keepdims: 0 });
    this.zeros.set(name, zero);
    return zero;
  }

  /** A float32 constant. */
  float32(data: Float32Array, shape: Shape, name = `%${this.counter++}`): string {
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.initializers.push(...message(5, tensorProto(name, FLOAT, shape, raw)));
    return name;
  }

  scalar(value: number): string {
    const known = this.scalars.get(value);
    if (known) return known;
    const name = this.float32(Float32Array.of(value), []);
    this.scalars.set(value, name);
    return name;
  }

  /** Declares an input. @returns what stands for it in nodes. */
  input(name: string, shape: Shape): string {
    this.inputs.push(...message(11, valueInfo(name, shape)));
    this.varying.add(name);
    if (!this.options.lateShapes) return name;
    this.zero ??= this.node('Cast', [this.zeroFrom(name, count(shape))], { to: INT64 });
    return this.reshape(name, shape);
  }

  /** Declares `value` as the model's output `name`. */
  output(value: string, name: string, shape: Shape): void {
    this.node('Identity', [value], {}, { output: name });
    this.wanted.add(name);
    this.outputs.push(...message(12, valueInfo(name, shape)));
  }

  /** Nodes that outputs need: one that nobody uses would still run, last of all, and hold its inputs until then. */
  private used() {
    const needed = new Set(this.wanted);
    const found = this.nodes.toReversed().filter(({ inputs, output }) => {
      if (!needed.has(output)) return false;
      for (const name of inputs) needed.add(name);
      return true;
    });
    return found.reverse();
  }

  /** The serialised ModelProto. */
  model(): Uint8Array {
    const graph = [
      ...this.used().flatMap(({ bytes }) => bytes),
      ...text(2, 'clickprobe'),
      ...this.initializers,
      ...this.inputs,
      ...this.outputs,
    ];
    const opsets = [...this.domains].flatMap(domain =>
      message(8, [...text(1, domain), ...int(2, domain === '' ? OPSET : 1)]),
    );
    return join([...int(1, IR_VERSION), ...text(2, 'clickprobe'), ...message(7, graph), ...opsets]);
  }
}

function attribute(name: string, value: OnnxAttribute): Chunks {
  if (typeof value === 'number') return [...text(1, name), ...int(3, value), ...int(20, 2)];
  if (typeof value === 'string') return [...text(1, name), ...text(4, value), ...int(20, 3)];
  if ('float' in value) return [...text(1, name), ...float(2, value.float), ...int(20, 1)];
  return [...text(1, name), ...value.flatMap(item => int(8, item)), ...int(20, 7)];
}

function tensorProto(name: string, type: number, shape: Shape, raw: Uint8Array): Chunks {
  return [...shape.flatMap(size => int(1, size)), ...int(2, type), ...text(8, name), ...bytes(9, raw)];
}

function valueInfo(name: string, shape: Shape): Chunks {
  const dims = shape.flatMap(size => message(1, int(1, size)));
  return [...text(1, name), ...message(2, message(1, [...int(1, FLOAT), ...message(2, dims)]))];
}
