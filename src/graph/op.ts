import type { Emitter } from './onnx/emitter.ts';
import { type Attributes, GraphError, type Shape, show, type Tensor } from './tensor.ts';

/** What the engine knows about an op; one entry of the table. */
export interface OpRule<A extends Attributes> {
  /** Each number of the output depends on the numbers at its place alone; inputs broadcast. */
  elementwise?: boolean;
  /** The output's shape. Throws GraphError (through `fail`) where the op does not apply. */
  shape(shapes: readonly Shape[], attributes: A, fail: (why: string) => never): Shape;
  /** The gradient to every input, given the output's; null where none flows. */
  gradient(dy: Tensor, node: Tensor & { attributes: A }): (Tensor | null)[];
  /** ONNX nodes that compute it; gives the name of the value. */
  lower(emit: Emitter, inputs: readonly string[], node: Tensor & { attributes: A }): string;
}

/** The one table of ops: shape rule, gradient rule and ONNX lowering of each. */
export const opTable = new Map<string, OpRule<Attributes>>();

/** Adds an op to the table and gives the function that builds its tensors. */
export function defineOp<A extends Attributes>(name: string, rule: OpRule<A>) {
  if (opTable.has(name)) throw new GraphError(`op "${name}" is defined twice`);
  opTable.set(name, rule as unknown as OpRule<Attributes>);
  return (inputs: readonly Tensor[], attributes: A): Tensor => makeNode(name, inputs, attributes);
}

/** A node of any op, with its shape checked. */
export function makeNode(op: string, inputs: readonly Tensor[], attributes: Attributes): Tensor {
  const rule = opTable.get(op);
  if (!rule) throw new GraphError(`unknown op "${op}"`);
  const shapes = inputs.map(t => t.shape);
  const fail = (why: string): never => {
    throw new GraphError(`${op}: ${why} (inputs ${shapes.map(show).join(', ')})`);
  };
  return { op, inputs, attributes, shape: rule.shape(shapes, attributes, fail) };
}

/** A node on other inputs; itself where they are its own. */
export const withInputs = (node: Tensor, inputs: readonly Tensor[]): Tensor =>
  inputs.every((x, i) => x === node.inputs[i]) ? node : makeNode(node.op, inputs, node.attributes);

export const isElementwise = ({ op }: Tensor): boolean => opTable.get(op)?.elementwise ?? false;
