import { UserError } from '../../base/errors.ts';
import { count, GraphError, type Tensor } from '../../graph/tensor.ts';
import type { Scope } from '../../nn/scope.ts';
import type { StoredTensor } from '../../weights/dtypes.ts';
import type { OnnxModel } from '../../weights/onnx.ts';
import { toFloat32, type Weights } from '../../weights/weight.ts';
import { describeNode, type Imported, ImportedNode, type ImportTable, type NodeProto } from './node.ts';
import { kindOf, stored } from './ops/constants.ts';
import { isKnown, symbolic, type Value } from './value.ts';

/** A graph to be imported: that of an ONNX file, or one written as such. */
export interface GraphSource extends Pick<OnnxModel, 'nodes' | 'initializers' | 'opsets'> {
  /** What to call it in errors. */
  file: string;
  table: ImportTable;
  /** Whether a size is written down in a node. */
  isSized(node: NodeProto): boolean;
}

type Subgraph = Pick<GraphSource, 'nodes' | 'initializers'>;

export interface ImportOptions {
  /** What the model is fed. */
  feeds: ReadonlyMap<string, Tensor>;
  /** Where weights are found, by the names they have in the file. */
  scope: Scope;
  /** Import only what these need; everything by default. */
  wanted?: readonly string[];
  /** Puts another tensor in place of a value, for all that follows. */
  replace?: { name: string; by: (tensor: Tensor) => Tensor };
}

/** The values of an imported graph, by name. */
export interface ImportedGraph {
  values: ReadonlyMap<string, Value>;
  /** @throws UserError that says why it could not be imported. */
  get(name: string): Value;
}

/** Numbers of up to this count are part of the graph: sizes, limits and factors rather than weights. */
const MOST_NUMBERS = 16;

const isWeight = ({ dtype, shape }: StoredTensor): boolean => kindOf(dtype) === 'float' && count(shape) > MOST_NUMBERS;

/**
 * Builds a graph of ours from the nodes of a model. What sizes are computed by is computed here, exactly, since all
 * sizes are known; a node that cannot be imported is an error only to those that need its values.
 */
export function importGraph(source: GraphSource, { feeds, scope, wanted, replace }: ImportOptions): ImportedGraph {
  const { file, table, opsets } = source;
  const values = new Map<string, Value>();
  const failures = new Map<string, UserError>();
  const needed = wanted && neededBy(source, wanted);
  for (const [name, tensor] of feeds) set(name, symbolic(tensor));
  run(source);
  return { values, get };

  function run({ nodes, initializers }: Subgraph): void {
    for (const [name, tensor] of initializers) if (!needed || needed.has(name)) set(name, ofFile(name, tensor));
    for (const node of nodes) if (!needed || node.outputs.some(name => needed.has(name))) runNode(node);
  }

  function runNode(node: NodeProto): void {
    try {
      const constant = node.opType === 'Constant' ? node.attributes.get('value') : undefined;
      if (constant?.type === 'tensor') set(node.outputs[0], ofFile(node.outputs[0], constant.value));
      else if (node.opType === 'If') runBranch(node);
      else {
        const given = listed(imported(node));
        node.outputs.forEach((name, i) => {
          if (given[i]) set(name, given[i]);
        });
      }
    } catch (error) {
      const failure = error instanceof GraphError ? graphFailure(node, error) : error;
      if (!(failure instanceof UserError)) throw error;
      for (const name of node.outputs) failures.set(name, failure);
    }
  }

  function imported(node: NodeProto): Imported {
    const inputs = node.inputs.map(name => (name === '' ? undefined : get(name)));
    const domain = node.domain === 'ai.onnx' ? '' : node.domain;
    const op = domain === '' ? node.opType : `${domain}.${node.opType}`;
    const importer = Object.hasOwn(table, op) ? table[op] : undefined;
    if (!importer) {
      throw new UserError(
        `${file}: the node ${describeNode(node)} cannot be imported: the op is not supported. Take a value before it by ` +
          `onnx.output, or export the model without it. Supported are ${Object.keys(table).join(', ')}`,
      );
    }
    const view = new ImportedNode(file, node, inputs, opsets.get(node.domain) ?? opsets.get(domain) ?? 1);
    const result = importer(view);
    view.finish();
    return result;
  }

  /** Of a condition that is known at import. */
  function runBranch(node: NodeProto): void {
    const condition = get(node.inputs[0]);
    const view = new ImportedNode(file, node, [condition], 1);
    if (!isKnown(condition)) throw view.refusal('decides by the image');
    const [yes, no] = [view.attribute('then_branch', 'graph'), view.attribute('else_branch', 'graph')];
    const branch = condition.known[0] !== 0 ? yes : no;
    if (!branch) throw view.refusal('has no branch for its condition');
    run(branch);
    branch.outputs.forEach(({ name }, i) => {
      if (node.outputs[i]) set(node.outputs[i], get(name));
    });
  }

  function set(name: string, value: Value): void {
    const replaced = replace?.name === name && value.tensor ? symbolic(replace.by(value.tensor), value.kind) : value;
    values.set(name, replaced);
  }

  function get(name: string): Value {
    const value = values.get(name);
    if (value) return value;
    throw failures.get(name) ?? missing(name);
  }

  function missing(name: string): UserError {
    return new UserError(
      `${file}: nothing gives the value "${name}": the image is the only input that is fed. Name another output by ` +
        'onnx.output, or export the model with the other inputs as constants',
    );
  }

  function ofFile(name: string, tensor: StoredTensor): Value {
    return isWeight(tensor) ? symbolic(scope.get(name, tensor.shape)) : stored(tensor);
  }

  function graphFailure(node: NodeProto, error: GraphError): UserError {
    return new UserError(
      `${file}: the node ${describeNode(node)} cannot be imported: ${error.message}. If the model was exported for one ` +
        'image size, that size is the only one it takes',
      { cause: error },
    );
  }
}

const listed = (result: Imported): readonly Value[] => {
  if (Array.isArray(result)) return result;
  return ['op' in result ? symbolic(result as Tensor) : (result as Value)];
};

/** Names of all values that some values are computed from. */
export function neededBy({ nodes }: Pick<GraphSource, 'nodes'>, wanted: readonly string[]): Set<string> {
  const needed = new Set(wanted);
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some(name => needed.has(name))) continue;
    for (const name of used(node)) needed.add(name);
  }
  return needed;
}

/** A node's inputs, and all that stands in its branches. */
function used(node: NodeProto): string[] {
  const inner = branches(node).flatMap(graph => [
    ...graph.initializers.keys(),
    ...graph.outputs.map(({ name }) => name),
    ...graph.nodes.flatMap(each => [...each.outputs, ...used(each)]),
  ]);
  return [...node.inputs, ...inner];
}

const branches = (node: NodeProto) =>
  [...node.attributes.values()].flatMap(attribute => (attribute.type === 'graph' ? [attribute.value] : []));

/** The weights of a graph under the names by which `importGraph` asks for them. */
export function graphWeights({ nodes, initializers }: Subgraph): Weights {
  const weights: Weights = new Map();
  const keep = (name: string, tensor: StoredTensor) => {
    if (isWeight(tensor)) weights.set(name, { shape: tensor.shape, data: toFloat32(tensor.data) });
  };
  for (const [name, tensor] of initializers) keep(name, tensor);
  for (const node of nodes) {
    const value = node.opType === 'Constant' ? node.attributes.get('value') : undefined;
    if (value?.type === 'tensor') keep(node.outputs[0], value.value);
    for (const branch of branches(node)) for (const [name, weight] of graphWeights(branch)) weights.set(name, weight);
  }
  return weights;
}
