import { withInputs } from '../op.ts';
import { RENAMING, type Tensor, topological } from '../tensor.ts';

/**
 * Merges equal subexpressions: same op, same inputs, same attributes (constants by content where small). Of reshapes in a
 * row the last is left: ONNX Runtime 1.30 would merge them, and fails where their shapes are known late. To be run
 * last, as gradients would not see what they go through.
 */
export function deduplicate(outputs: readonly Tensor[]): Tensor[] {
  const numbers = new Map<unknown, number>();
  const identify = (value: unknown): number => {
    let id = numbers.get(value);
    if (id === undefined) {
      id = numbers.size;
      numbers.set(value, id);
    }
    return id;
  };
  const attributeKey = (value: unknown): string => {
    if (value instanceof Float32Array && value.length <= 64) return `f${value.join()}`;
    if (Array.isArray(value)) return `[${value.join()}]`;
    return typeof value === 'object' && value !== null ? `#${identify(value)}` : `${value}`;
  };
  const known = new Map<string, Tensor>();
  const renewed = new Map<Tensor, Tensor>();
  for (const node of topological(outputs)) {
    const inputs = node.inputs.map(x => renewed.get(x)!);
    if (node.op === 'reshape') while (RENAMING.has(inputs[0].op)) [inputs[0]] = inputs[0].inputs;
    const attributes = Object.entries(node.attributes).map(([name, value]) => `${name}=${attributeKey(value)}`);
    const key = [node.op, ...inputs.map(x => `#${identify(x)}`), ...attributes, node.shape.join('x')].join(';');
    let kept = known.get(key);
    if (!kept) {
      kept = withInputs(node, inputs);
      known.set(key, kept);
    }
    renewed.set(node, kept);
  }
  return outputs.map(output => renewed.get(output)!);
}
