import { bytes, type Chunks, float, int, join, message, text } from '../../src/graph/onnx/protobuf.ts';
import type { Shape } from '../../src/graph/tensor.ts';

// Small ONNX models for tests, written field by field (onnx.proto).

const TYPES = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9 } as const;

export interface TensorSpec {
  type: keyof typeof TYPES;
  shape: Shape;
  data: readonly number[] | Float32Array;
}

export type AttributeSpec =
  | number
  | string
  | readonly number[]
  | { float: number }
  | { floats: readonly number[] }
  | { tensor: TensorSpec }
  | { graph: GraphSpec };

export interface NodeSpec {
  op: string;
  name?: string;
  domain?: string;
  /** '' for one left out. */
  inputs: readonly string[];
  outputs: readonly string[];
  attributes?: Readonly<Record<string, AttributeSpec>>;
}

export interface GraphSpec {
  nodes: readonly NodeSpec[];
  initializers?: Readonly<Record<string, TensorSpec>>;
  /** Sizes are numbers or names. */
  inputs?: Readonly<Record<string, readonly (number | string)[]>>;
  inputType?: keyof typeof TYPES;
  outputs: readonly string[];
}

export const floats = (shape: Shape, data: readonly number[] | Float32Array): TensorSpec => ({
  type: 'float',
  shape,
  data,
});
export const ints = (...data: number[]): TensorSpec => ({ type: 'int64', shape: [data.length], data });

function rawBytes({ type, data }: TensorSpec): Uint8Array {
  if (type === 'float') return new Uint8Array(Float32Array.from(data).buffer);
  if (type === 'int32') return new Uint8Array(Int32Array.from(data).buffer);
  if (type === 'int64') return new Uint8Array(BigInt64Array.from(Array.from(data, BigInt)).buffer);
  return Uint8Array.from(data);
}

const tensor = (spec: TensorSpec, name = ''): Chunks => [
  ...spec.shape.flatMap(size => int(1, size)),
  ...int(2, TYPES[spec.type]),
  ...text(8, name),
  ...bytes(9, rawBytes(spec)),
];

function attribute(name: string, value: AttributeSpec): Chunks {
  if (typeof value === 'number') return [...text(1, name), ...int(3, value), ...int(20, 2)];
  if (typeof value === 'string') return [...text(1, name), ...text(4, value), ...int(20, 3)];
  if ('float' in value) return [...text(1, name), ...float(2, value.float), ...int(20, 1)];
  if ('floats' in value) return [...text(1, name), ...value.floats.flatMap(x => float(7, x)), ...int(20, 6)];
  if ('tensor' in value) return [...text(1, name), ...message(5, tensor(value.tensor)), ...int(20, 4)];
  if ('graph' in value) return [...text(1, name), ...message(6, graph(value.graph)), ...int(20, 5)];
  return [...text(1, name), ...value.flatMap(x => int(8, x)), ...int(20, 7)];
}

const node = ({ op, name = '', domain = '', inputs, outputs, attributes = {} }: NodeSpec): Chunks => [
  ...inputs.flatMap(input => text(1, input)),
  ...outputs.flatMap(output => text(2, output)),
  ...text(3, name),
  ...text(4, op),
  ...Object.entries(attributes).flatMap(([key, value]) => message(5, attribute(key, value))),
  ...text(7, domain),
];

function typed(name: string, type: number, shape: readonly (number | string)[]): Chunks {
  const dims = shape.flatMap(size => message(1, typeof size === 'number' ? int(1, size) : text(2, size)));
  return [...text(1, name), ...message(2, message(1, [...int(1, type), ...message(2, dims)]))];
}

function graph({ nodes, initializers = {}, inputs = {}, inputType = 'float', outputs }: GraphSpec): Chunks {
  return [
    ...nodes.flatMap(each => message(1, node(each))),
    ...text(2, 'test'),
    ...Object.entries(initializers).flatMap(([name, spec]) => message(5, tensor(spec, name))),
    ...Object.entries(inputs).flatMap(([name, shape]) => message(11, typed(name, TYPES[inputType], shape))),
    // of unknown type: inferred
    ...outputs.flatMap(name => message(12, text(1, name))),
  ];
}

/** The bytes of a model. */
export function onnxModel(spec: GraphSpec, opset = 20): Uint8Array {
  const opsets = { '': opset, 'com.microsoft': 1 };
  return join([
    ...int(1, 8),
    ...message(7, graph(spec)),
    ...Object.entries(opsets).flatMap(([domain, version]) => message(8, [...text(1, domain), ...int(2, version)])),
  ]);
}
