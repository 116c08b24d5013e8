import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { StoredTensor } from './dtypes.ts';
import { type OnnxOrigin, onnxDtype, parseTensor } from './onnx-tensor.ts';
import { type ProtoField, protoFields } from './protobuf.ts';

// Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto

/** Functions that a model defines itself are not read; their calls are nodes like others. */
export interface OnnxModel extends OnnxGraph {
  /** Operator set version by domain; '' is ONNX's own. */
  opsets: Map<string, number>;
}

interface OnnxGraph {
  name: string;
  nodes: OnnxNode[];
  initializers: Map<string, StoredTensor>;
  /** What must be fed; an input with an initializer as its default is left out. */
  inputs: OnnxValue[];
  outputs: OnnxValue[];
}

interface OnnxNode {
  name: string;
  opType: string;
  domain: string;
  /** '' stands for an optional input left out. */
  inputs: string[];
  outputs: string[];
  attributes: Map<string, OnnxAttribute>;
}

/** Integers beyond 2^53 become the nearest number. */
type OnnxAttribute =
  | { type: 'float' | 'int'; value: number }
  | { type: 'floats' | 'ints'; value: number[] }
  | { type: 'string'; value: string }
  | { type: 'strings'; value: string[] }
  | { type: 'tensor'; value: StoredTensor }
  | { type: 'tensors'; value: StoredTensor[] }
  | { type: 'graph'; value: OnnxGraph }
  | { type: 'graphs'; value: OnnxGraph[] };

interface OnnxValue {
  name: string;
  /** As in safetensors (F32, I64, ..); null where it is no tensor of numbers. */
  dtype: string | null;
  /** A number, the name of a free size, or null for a free size without a name; null in all where no shape is stated. */
  shape: (number | string | null)[] | null;
}

/**
 * Reads an ONNX model: its graph, weights and constants.
 *
 * @throws UserError naming the file where it or one that holds its weights (external data) is missing or damaged.
 */
export function readOnnx(path: string): OnnxModel {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new UserError(`cannot read ${path}: ${(error as Error).message}. Expected an .onnx file`, { cause: error });
  }
  return parseModel(bytes, { name: path, folder: dirname(path) });
}

/**
 * Reads the bytes of an ONNX model.
 *
 * @param name what to call it in errors.
 * @throws UserError as `readOnnx`, and where weights are in other files.
 */
export function parseOnnx(bytes: Uint8Array, name: string): OnnxModel {
  return parseModel(bytes, { name });
}

function parseModel(bytes: Uint8Array, origin: OnnxOrigin): OnnxModel {
  const opsets = new Map<string, number>();
  let graph: OnnxGraph | undefined;
  for (const field of protoFields(bytes, origin.name)) {
    if (field.number === 7) graph = parseGraph(field, origin);
    else if (field.number === 8) {
      let domain = '';
      let version = 0;
      for (const part of field.fields()) {
        if (part.number === 1) domain = part.text();
        else if (part.number === 2) version = part.int();
      }
      opsets.set(domain, version);
    }
  }
  if (!graph)
    throw new UserError(`${origin.name} is no ONNX model: it holds no graph. Check that it is the right file`);
  return { ...graph, opsets };
}

function parseGraph(message: ProtoField, origin: OnnxOrigin): OnnxGraph {
  const graph: OnnxGraph = { name: '', nodes: [], initializers: new Map(), inputs: [], outputs: [] };
  for (const field of message.fields()) {
    if (field.number === 1) graph.nodes.push(parseNode(field, origin));
    else if (field.number === 2) graph.name = field.text();
    else if (field.number === 5) {
      const { name, tensor } = parseTensor(field.fields(), origin);
      if (graph.initializers.has(name)) {
        throw new UserError(
          `${origin.name} is no valid ONNX model: it holds the initializer "${name}" twice. Export it again`,
        );
      }
      graph.initializers.set(name, tensor);
    } else if (field.number === 11) graph.inputs.push(parseValue(field));
    else if (field.number === 12) graph.outputs.push(parseValue(field));
    else if (field.number === 15) {
      throw new UserError(
        `${origin.name} holds sparse initializers, which cannot be read. Export it with dense weights`,
      );
    }
  }
  graph.inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  return graph;
}

function parseNode(message: ProtoField, origin: OnnxOrigin): OnnxNode {
  const node: OnnxNode = { name: '', opType: '', domain: '', inputs: [], outputs: [], attributes: new Map() };
  for (const field of message.fields()) {
    if (field.number === 1) node.inputs.push(field.text());
    else if (field.number === 2) node.outputs.push(field.text());
    else if (field.number === 3) node.name = field.text();
    else if (field.number === 4) node.opType = field.text();
    else if (field.number === 5) {
      const { name, attribute } = parseAttribute(field, origin);
      node.attributes.set(name, attribute);
    } else if (field.number === 7) node.domain = field.text();
  }
  return node;
}

function parseAttribute(message: ProtoField, origin: OnnxOrigin): { name: string; attribute: OnnxAttribute } {
  let name = '';
  let type = 0;
  // what a writer leaves out is the type's default
  let float = 0;
  let int = 0;
  let string = '';
  const tensors: StoredTensor[] = [];
  const graphs: OnnxGraph[] = [];
  const floats: number[] = [];
  const ints: bigint[] = [];
  const strings: string[] = [];
  for (const field of message.fields()) {
    if (field.number === 1) name = field.text();
    else if (field.number === 2) float = field.float();
    else if (field.number === 3) int = field.int();
    else if (field.number === 4) string = byteText(field);
    else if (field.number === 5 || field.number === 10) tensors.push(parseTensor(field.fields(), origin).tensor);
    else if (field.number === 6 || field.number === 11) graphs.push(parseGraph(field, origin));
    else if (field.number === 7) field.pushFloats(floats, 4);
    else if (field.number === 8) field.pushInt64s(ints);
    else if (field.number === 9) strings.push(byteText(field));
    else if (field.number === 20) type = field.int();
  }
  const attributes: (OnnxAttribute | undefined)[] = [
    undefined,
    { type: 'float', value: float },
    { type: 'int', value: int },
    { type: 'string', value: string },
    tensors.length === 1 ? { type: 'tensor', value: tensors[0] } : undefined,
    graphs.length === 1 ? { type: 'graph', value: graphs[0] } : undefined,
    { type: 'floats', value: floats },
    { type: 'ints', value: ints.map(Number) },
    { type: 'strings', value: strings },
    { type: 'tensors', value: tensors },
    { type: 'graphs', value: graphs },
  ];
  const attribute = attributes[type];
  if (!attribute) {
    throw new UserError(
      `${origin.name}: the attribute "${name}" of type ${type} cannot be read; expected a number, a text, a tensor, a graph or a list of them. Export the model again with another opset`,
    );
  }
  return { name, attribute };
}

/** The schema calls these bytes; in practice they are text. */
function byteText(field: ProtoField): string {
  return new TextDecoder().decode(field.bytes());
}

function parseValue(message: ProtoField): OnnxValue {
  const value: OnnxValue = { name: '', dtype: null, shape: null };
  for (const field of message.fields()) {
    if (field.number === 1) value.name = field.text();
    if (field.number !== 2) continue;
    for (const type of field.fields()) {
      if (type.number !== 1) continue;
      for (const part of type.fields()) {
        if (part.number === 1) value.dtype = onnxDtype(part.int()) ?? null;
        else if (part.number === 2) value.shape = parseShape(part);
      }
    }
  }
  return value;
}

function parseShape(message: ProtoField): (number | string | null)[] {
  const shape: (number | string | null)[] = [];
  for (const dimension of message.fields()) {
    if (dimension.number !== 1) continue;
    let size: number | string | null = null;
    for (const part of dimension.fields()) {
      if (part.number === 1) size = part.int();
      else if (part.number === 2) size = part.text() || null;
    }
    shape.push(size);
  }
  return shape;
}
