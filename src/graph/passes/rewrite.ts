import { makeNode } from '../op.ts';
import { type Tensor, topological } from '../tensor.ts';

/**
 * Rebuilds a graph from its sources, asking `rule` at every op for a replacement built on the new inputs
 * (null: keep the op). Sources stay the same objects.
 */
export function rewrite(outputs: readonly Tensor[], rule: (node: Tensor) => Tensor | null): Tensor[] {
  const renewed = new Map<Tensor, Tensor>();
  for (const node of topological(outputs)) {
    if (node.inputs.length === 0) {
      renewed.set(node, node);
      continue;
    }
    const inputs = node.inputs.map(x => renewed.get(x)!);
    const same = inputs.every((x, i) => x === node.inputs[i]);
    const current = same ? node : makeNode(node.op, inputs, node.attributes);
    renewed.set(node, rule(current) ?? current);
  }
  return outputs.map(output => renewed.get(output)!);
}
