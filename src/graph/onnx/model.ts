import { opTable } from '../op.ts';
import { count, GraphError, nameOf, show, type Tensor, topological } from '../tensor.ts';
import { Emitter, type EmitterOptions } from './emitter.ts';

export interface OnnxModel {
  bytes: Uint8Array;
  /** Sources to be fed, by name. */
  inputs: Map<string, Tensor>;
}

/**
 * Emits outputs as one ONNX model (opset 20 and com.microsoft). Sources whose name is in `bound` become initializers.
 *
 * @throws GraphError where bound data does not have its source's size, or where two values have one name.
 */
export function toOnnx(
  outputs: ReadonlyMap<string, Tensor>,
  bound: ReadonlyMap<string, Float32Array>,
  options: EmitterOptions = {},
): OnnxModel {
  const emit = new Emitter(options);
  const names = new Map<Tensor, string>();
  const inputs = new Map<string, Tensor>();
  const named = new Map<string, Tensor>();
  // The runtime works its way back from what is emitted last. In a list of gradients the first lies deepest: emitted
  // last, its way makes the others in passing, and nothing is held for them.
  for (const node of topological([...outputs.values()].reverse())) {
    names.set(node, emitNode(node));
  }
  for (const name of outputs.keys()) {
    if (named.has(name)) throw new GraphError(`output "${name}" has the name of an input`);
  }
  for (const [name, tensor] of outputs) emit.output(names.get(tensor)!, name, tensor.shape);
  return { bytes: emit.model(), inputs };

  function emitNode(node: Tensor): string {
    if (node.op === 'constant') {
      const data = node.attributes.data as Float32Array;
      return node.shape.length === 0 ? emit.scalar(data[0]) : emit.float32(data, node.shape);
    }
    if (node.op !== 'input') {
      const operands = node.inputs.map(x => names.get(x)!);
      return opTable.get(node.op)!.lower(emit, operands, node);
    }
    const name = nameOf(node);
    if (named.has(name)) throw new GraphError(`two different inputs are named "${name}"`);
    named.set(name, node);
    const data = bound.get(name);
    if (!data) {
      inputs.set(name, node);
      return emit.input(name, node.shape);
    }
    if (data.length !== count(node.shape)) {
      throw new GraphError(`"${name}": ${data.length} numbers bound to shape ${show(node.shape)}`);
    }
    return emit.float32(data, node.shape, name);
  }
}
