import { add, silu } from '../graph/ops/elementwise.ts';
import { resample } from '../graph/ops/linear.ts';
import type { Tensor } from '../graph/tensor.ts';
import { reflectBorder } from '../nn/borders.ts';
import { conv } from '../nn/layers.ts';
import { groupNorm } from '../nn/norms.ts';
import { adaptiveAverage } from '../nn/resize.ts';
import type { Scope } from '../nn/scope.ts';

interface BlockOptions {
  /** Side of the kernels. */
  kernel?: number;
  bias?: boolean;
  /** The input is added to what a block gives. */
  residual?: boolean;
  /** What the two norms and the two convolutions of a block are called. */
  names?: { norms: readonly [string, string]; convs: readonly [string, string] };
}

const GROUPS = 8;
const PLAIN = { norms: ['norm1', 'norm2'], convs: ['conv1', 'conv2'] } as const;
/** As AnyUp's checkpoints call them. */
export const SEQUENTIAL = { norms: ['block.0', 'block.3'], convs: ['block.2', 'block.5'] } as const;

/** Blocks `1` and `2` of an encoder, channels kept: GroupNorm, SiLU, convolution, twice; reflecting borders. */
export function encoderBlocks(map: Tensor, scope: Scope, options: BlockOptions = {}): Tensor {
  const { kernel = 1, bias = false, residual = true, names = PLAIN } = options;
  const out = map.shape[1];
  const half = (x: Tensor, block: Scope, i: 0 | 1) => {
    const active = silu(groupNorm(x, block.at(names.norms[i]), GROUPS));
    return reflected(active, block.at(names.convs[i]), { out, kernel, bias });
  };
  return ['1', '2'].reduce((x, name) => {
    const block = scope.at(name);
    const y = half(half(x, block, 0), block, 1);
    return residual ? add(x, y) : y;
  }, map);
}

/** The encoder that JAFAR, AnyUp and NAF are made of: convolution `0` to `out` channels, then two blocks. */
export function encoder(
  map: Tensor,
  scope: Scope,
  { out, first = 1, ...blocks }: BlockOptions & { out: number; first?: number },
): Tensor {
  const opened = reflected(map, scope.at('0'), { out, kernel: first, bias: blocks.bias ?? false });
  return encoderBlocks(opened, scope, blocks);
}

/** A convolution that keeps the size, with mirrored borders. */
const reflected = (map: Tensor, scope: Scope, options: { out: number; kernel: number; bias: boolean }): Tensor =>
  conv(reflectBorder(map, (options.kernel - 1) / 2), scope, options);

/** Adaptive average pooling to a size. */
export function pooled(map: Tensor, [height, width]: readonly [number, number]): Tensor {
  const [h, w] = map.shape.slice(2);
  return resample(
    map,
    h === height ? undefined : adaptiveAverage(h, height),
    w === width ? undefined : adaptiveAverage(w, width),
  );
}
