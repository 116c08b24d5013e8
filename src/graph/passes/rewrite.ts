import { withInputs } from '../op.ts';
import { waitsFor } from '../ops/layout.ts';
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
    const current = withInputs(node, inputs);
    renewed.set(node, rule(current) ?? current);
  }
  return outputs.map(output => renewed.get(output)!);
}

/** What a node needs, first what it waits for: to be made in the order in which it is to be computed. */
const inOrder = (node: Tensor): readonly Tensor[] => (waitsFor(node) ? node.inputs.toReversed() : node.inputs);

/**
 * Rebuilds values of a graph as they are asked for, each once.
 *
 * @param apart whether `make` does without a node's inputs in full: they are not made before it
 * @param make may ask for values itself
 */
export function onDemand(apart: (node: Tensor) => boolean, make: (node: Tensor) => Tensor): (root: Tensor) => Tensor {
  const renewed = new Map<Tensor, Tensor>();
  const whole = (root: Tensor): Tensor => {
    const stack = [root];
    while (stack.length > 0) {
      const node = stack[stack.length - 1];
      const missing = renewed.has(node) || apart(node) ? [] : inOrder(node).filter(x => !renewed.has(x));
      stack.push(...missing.reverse());
      if (missing.length > 0) continue;
      stack.pop();
      if (!renewed.has(node)) renewed.set(node, make(node));
    }
    return renewed.get(root)!;
  };
  return whole;
}
