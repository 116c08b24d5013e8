import { defineOp } from '../op.ts';
import { count, GraphError, show, type Tensor } from '../tensor.ts';
import { reshape, sum, unbroadcast } from './basic.ts';
import { add, div, mul, sqrt, sub } from './elementwise.ts';

/** Mean over axes, which stay as size 1. */
export function mean(x: Tensor, axes: readonly number[]): Tensor {
  const total = sum(x, axes);
  return mul(total, count(total.shape) / count(x.shape));
}

const softmaxOp = defineOp('softmax', {
  shape: ([x]) => x,
  gradient(dy, node) {
    const weighted = mul(dy, node);
    return [sub(weighted, mul(node, sum(weighted, [node.shape.length - 1])))];
  },
  lower: (emit, [x]) => emit.node('Softmax', [x], { axis: -1 }),
});
/** Softmax over the last axis. */
export const softmax = (x: Tensor): Tensor => softmaxOp([x], {});

const layerNormOp = defineOp<{ epsilon: number }>('layerNorm', {
  shape([x, scale, bias], _, fail) {
    const size = x.at(-1);
    if (scale.length !== 1 || scale[0] !== size || bias.length !== 1 || bias[0] !== size)
      fail(`needs scale and bias of ${size}`);
    return x;
  },
  gradient(dy, { inputs: [x, scale, bias], attributes: { epsilon } }) {
    const last = [x.shape.length - 1];
    const centred = sub(x, mean(x, last));
    const deviation = sqrt(add(mean(mul(centred, centred), last), epsilon));
    const normal = div(centred, deviation);
    const scaled = mul(dy, scale);
    const rest = add(mean(scaled, last), mul(normal, mean(mul(scaled, normal), last)));
    return [div(sub(scaled, rest), deviation), unbroadcast(mul(dy, normal), scale.shape), unbroadcast(dy, bias.shape)];
  },
  lower: (emit, inputs, { attributes }) =>
    emit.node('LayerNormalization', inputs, { axis: -1, epsilon: { float: attributes.epsilon } }),
});
/** Normalises the last axis to mean 0 and variance 1, then scales and shifts. */
export const layerNorm = (x: Tensor, scale: Tensor, bias: Tensor, epsilon: number): Tensor =>
  layerNormOp([x, scale, bias], { epsilon });

/** GroupNorm over [B,C,H,W] (groups of neighbouring channels, all their pixels), without scale and shift. */
export function groupNormalise(x: Tensor, groups: number, epsilon: number): Tensor {
  const [b, c, ...rest] = x.shape;
  if (c % groups !== 0)
    throw new GraphError(`groupNormalise: ${c} channels do not fit ${groups} groups (${show(x.shape)})`);
  // rows stay an axis, so that passes can cut along it
  const grouped = reshape(x, [b, groups, c / groups, ...rest]);
  const axes = grouped.shape.map((_, axis) => axis).slice(2);
  const centred = sub(grouped, mean(grouped, axes));
  return reshape(div(centred, sqrt(add(mean(mul(centred, centred), axes), epsilon))), x.shape);
}
