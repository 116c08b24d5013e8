import { granularityRow, granularityTokens } from '../../../src/granularity/table.ts';
import { reshape } from '../../../src/graph/ops/basic.ts';
import { add } from '../../../src/graph/ops/elementwise.ts';
import { slice } from '../../../src/graph/ops/layout.ts';
import { matmul } from '../../../src/graph/ops/linear.ts';
import { count } from '../../../src/graph/tensor.ts';
import { selfAttention } from '../../../src/nn/attention.ts';
import { transformerBlock } from '../../../src/nn/block.ts';
import { patchEmbed, toTokens } from '../../../src/nn/layers.ts';
import { adapted, type Lora, qkvUpdate } from '../../../src/nn/lora.ts';
import type { Scope } from '../../../src/nn/scope.ts';
import { fromWindows, toWindows } from '../../../src/nn/windows.ts';
import { type Check, same } from '../case.ts';
import { type Builder, checkNetwork } from './check.ts';
import { type Golden, renamed } from './golden.ts';

/** GraCo's blocks have loralib's default rank of 8; a case may name another. */
function loraOf(config: Golden['config']): Lora {
  const {
    enable_lora,
    r: rank = 8,
    lora_alpha: alpha = 1,
  } = config as Record<string, number> & {
    enable_lora: boolean[];
  };
  return { projections: (['q', 'k', 'v'] as const).filter((_, i) => enable_lora[i]), rank, alpha };
}

/** The joint projection with and without what is added to it. */
export const mergedLinearCase: Builder = ({ config, input, weights }) => {
  const x = input('x');
  const size = config.dim as number;
  const weight = weights.get('weight', [3 * size, size]);
  const merged = add(weight, qkvUpdate(weight.shape, weights, loraOf(config)));
  const rows = matmul(reshape(x, [count(x.shape) / size, size]), merged, { transB: true });
  const y = add(rows, weights.get('bias', [3 * size]));
  return { y: reshape(y, [...x.shape.slice(0, -1), 3 * size]), merged_weight: merged };
};

/** GraCo's layer with two updates, of which one is in use. */
export function checkDualBranch(golden: Golden): Promise<Check[]> {
  const second = golden.config.branch === 1;
  return checkNetwork(
    renamed(golden, name => {
      const [, stem, other] = /^(.*weight\.lora_[AB])(2?)$/.exec(name) ?? [];
      if (stem === undefined) return name;
      return (other === '2') === second ? stem : null;
    }),
    mergedLinearCase,
  );
}

const loraBlock = (x: ReturnType<typeof toTokens>, scope: Scope, heads: number, epsilon: number) =>
  transformerBlock(x, scope, { epsilon }, (tokens, at) => selfAttention(tokens, at, heads));

/** Weights and their updates stand in the same place. */
export const loraBlockCase: Builder = ({ config, input, weights }) => {
  const { heads, layer_norm_eps: epsilon } = config as Record<string, number>;
  return { y: loraBlock(input('x'), adapted(weights, weights, loraOf(config)), heads, epsilon) };
};

/** What GraCo's backbone looks at in one window, px. */
const WINDOW = 224;

/** GraCo's backbone: no class token, no last norm; the last block of each of four groups is global. */
const backboneCase: Builder = ({ config, input, weights }) => {
  const { dim, depth, heads } = config as Record<string, number>;
  const [height] = config.img as [number, number];
  const scope = adapted(weights, weights, loraOf(config));
  const image = input('image', 'image');
  const patch = height / Math.sqrt(input('clicks').shape[1]);
  const map = patchEmbed(image, scope.at('patch_embed.proj'), patch, dim);
  const [batch, , h, w] = map.shape;
  const row = granularityTokens(input('row'), weights.at('gra_embed'), dim);
  const positions = slice(scope.get('pos_embed', [1, h * w + 1, dim]), 1, 1, h * w);
  let x = add(add(add(toTokens(map), input('clicks')), reshape(row, [batch, 1, dim])), positions);
  const group = depth === 12 ? 6 : depth / 4;
  const window = WINDOW / patch;
  for (let i = 0; i < depth; i++) {
    const block = (tokens: typeof x) => loraBlock(tokens, scope.at(`blocks.${i}`), heads, 1e-6);
    const cells = [batch, h, w, dim];
    if ((i + 1) % group === 0) x = block(x);
    else x = reshape(fromWindows(block(toWindows(reshape(x, cells), window)), cells), x.shape);
  }
  return { tokens: x };
};

export function checkGranularBackbone(golden: Golden): Promise<Check[]> {
  const { shape, data } = golden.tensors.get('input.gra')!;
  golden.tensors.set('input.row', { shape: [shape[0]], data: data.map(granularityRow) });
  return checkNetwork(golden, backboneCase);
}

/** The rows of the table for granularities in float32. */
export function checkRows({ tensors, integers }: Golden): Check[] {
  const rows = [...tensors.get('input.gra')!.data].map(granularityRow);
  return [same('output.idx', rows, integers.get('output.idx'))];
}
