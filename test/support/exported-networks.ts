import { floats, type GraphSpec, ints, type NodeSpec, type TensorSpec } from './onnx-model.ts';
import { uniform } from './run.ts';

// Small networks as exporters write them: names of their own, sizes computed from shapes, norms taken apart.

const DIM = 12;
const HEADS = 3;
const PATCH = 4;
const GRID = 6;

const weight = (shape: number[], name: string, scale = 0.4): TensorSpec =>
  floats(shape, uniform(shape, -scale, scale, name));

/** Collects nodes; a node's only output gets a fresh name unless it is given one. */
class Writer {
  readonly nodes: NodeSpec[] = [];
  readonly initializers: Record<string, TensorSpec> = {};

  add(op: string, inputs: string[], attributes: NodeSpec['attributes'] = {}, output = `v${this.nodes.length}`): string {
    this.nodes.push({ op, name: `/${op}_${this.nodes.length}`, inputs, outputs: [output], attributes });
    return output;
  }

  constant(spec: TensorSpec): string {
    return this.add('Constant', [], { value: { tensor: spec } });
  }

  weight(shape: number[], name: string, scale?: number): string {
    this.initializers[name] = weight(shape, name, scale);
    return name;
  }

  int = (value: number): string => this.constant({ type: 'int64', shape: [], data: [value] });
}

/**
 * A vision transformer of any batch and size, stride 4, as PyTorch 1.x writes one: `tokens` [b,1+n,12], the patch
 * embedding's output is named `patches`.
 */
export function exportedVit(): GraphSpec {
  const w = new Writer();
  const patches = w.add(
    'Conv',
    ['pixels', w.weight([DIM, 3, PATCH, PATCH], 'pe.weight'), w.weight([DIM], 'pe.bias')],
    { kernel_shape: [PATCH, PATCH], strides: [PATCH, PATCH] },
    'patches',
  );
  const sizeOf = (value: string, axis: number) => w.add('Gather', [w.add('Shape', [value]), w.int(axis)], { axis: 0 });
  const row = (value: string) => w.add('Unsqueeze', [value, w.constant(ints(0))]);
  const joined = (...values: string[]) => w.add('Concat', values, { axis: 0 });
  const batch = row(sizeOf('pixels', 0));
  const cells = w.add('Reshape', [
    patches,
    joined(w.add('Slice', [w.add('Shape', [patches]), w.constant(ints(0)), w.constant(ints(2))]), w.constant(ints(-1))),
  ]);
  const tokens = w.add('Transpose', [cells], { perm: [0, 2, 1] });
  // a class token for every image, through Where as PyTorch writes expand(b, -1, -1)
  const asked = joined(batch, w.constant(ints(-1, -1)));
  const kept = w.add('Equal', [asked, w.constant(ints(-1, -1, -1))]);
  const shape = w.add('Where', [kept, w.constant(ints(1, 1, 1)), asked]);
  const first = w.add('Expand', [w.weight([1, 1, DIM], 'cls'), shape]);
  let x = w.add('Concat', [first, tokens], { axis: 1 });

  const positions = w.weight([1, 1 + GRID * GRID, DIM], 'pos');
  const part = (from: number, to: number) =>
    w.add('Slice', [positions, w.constant(ints(from)), w.constant(ints(to)), w.constant(ints(1))]);
  const grid = w.add('Transpose', [w.add('Reshape', [part(1, 2 ** 53), w.constant(ints(1, GRID, GRID, DIM))])], {
    perm: [0, 3, 1, 2],
  });
  const side = (axis: number) => row(w.add('Div', [sizeOf('pixels', axis), w.int(PATCH)]));
  const sizes = joined(
    w.add('Slice', [w.add('Shape', [grid]), w.constant(ints(0)), w.constant(ints(2))]),
    w.add('Cast', [joined(side(2), side(3))], { to: 7 }),
  );
  const resized = w.add('Resize', [grid, '', '', sizes], {
    mode: 'cubic',
    coordinate_transformation_mode: 'half_pixel',
    cubic_coeff_a: { float: -0.75 },
    nearest_mode: 'floor',
  });
  const rows = w.add('Reshape', [w.add('Transpose', [resized], { perm: [0, 2, 3, 1] }), w.constant(ints(1, -1, DIM))]);
  x = w.add('Add', [x, w.add('Concat', [part(0, 1), rows], { axis: 1 })]);

  const norm = (value: string, name: string, output?: string) => {
    const mean = w.add('ReduceMean', [value], { axes: [-1] });
    const centred = w.add('Sub', [value, mean]);
    const variance = w.add('ReduceMean', [w.add('Pow', [centred, w.constant(floats([], [2]))])], { axes: [-1] });
    const deviation = w.add('Sqrt', [w.add('Add', [variance, w.constant(floats([], [1e-6]))])]);
    const scaled = w.add('Mul', [w.add('Div', [centred, deviation]), w.weight([DIM], `${name}.weight`, 1)]);
    return w.add('Add', [scaled, w.weight([DIM], `${name}.bias`)], {}, output);
  };
  const linear = (value: string, name: string, from: number, to: number) =>
    w.add('Add', [
      w.weight([to], `${name}.bias`),
      w.add('MatMul', [value, w.weight([from, to], `onnx::MatMul_${name}`)]),
    ]);
  for (let block = 0; block < 2; block++) {
    const name = `blocks.${block}`;
    const qkv = linear(norm(x, `${name}.norm1`), `${name}.qkv`, DIM, 3 * DIM);
    const n = row(sizeOf(x, 1));
    const split = w.add('Reshape', [qkv, joined(batch, n, w.constant(ints(3, HEADS, DIM / HEADS)))]);
    const parts = w.add('Transpose', [split], { perm: [2, 0, 3, 1, 4] });
    const [q, k, v] = [0, 1, 2].map(i => w.add('Gather', [parts, w.int(i)], { axis: 0 }));
    const keys = w.add('Transpose', [k], { perm: [0, 1, 3, 2] });
    const scores = w.add('MatMul', [w.add('Mul', [q, w.constant(floats([], [0.5]))]), keys]);
    const mixed = w.add('MatMul', [w.add('Softmax', [scores], { axis: -1 }), v]);
    const merged = w.add('Reshape', [
      w.add('Transpose', [mixed], { perm: [0, 2, 1, 3] }),
      joined(batch, n, w.constant(ints(DIM))),
    ]);
    x = w.add('Add', [x, linear(merged, `${name}.proj`, DIM, DIM)]);
    const hidden = linear(norm(x, `${name}.norm2`), `${name}.fc1`, DIM, 2 * DIM);
    const halves = w.add('Erf', [w.add('Div', [hidden, w.constant(floats([], [Math.SQRT2]))])]);
    const gate = w.add('Mul', [hidden, w.add('Add', [halves, w.constant(floats([], [1]))])]);
    x = w.add('Add', [x, linear(w.add('Mul', [gate, w.constant(floats([], [0.5]))]), `${name}.fc2`, 2 * DIM, DIM)]);
  }
  norm(x, 'norm', 'tokens');
  return { nodes: w.nodes, initializers: w.initializers, inputs: { pixels: ['b', 3, 'h', 'w'] }, outputs: ['tokens'] };
}

/** A residual network: `stem` at stride 4, a block with a shortcut (`joined`) and `features` at stride 8, `pooled`. */
export function convNet(size: readonly (number | string)[]): GraphSpec {
  const conv = (name: string, from: string, to: string, kernel: number, strides: number, bias = true): NodeSpec => ({
    op: 'Conv',
    name,
    inputs: [from, `${name}.weight`, ...(bias ? [`${name}.bias`] : [])],
    outputs: [to],
    attributes: { strides: [strides, strides], pads: new Array<number>(4).fill((kernel - 1) / 2) },
  });
  const norms = ['scale', 'shift', 'mean', 'var'];
  return {
    nodes: [
      conv('first conv', 'pixels', 'stem', 3, 4),
      { op: 'Relu', inputs: ['stem'], outputs: ['active'] },
      conv('main', 'active', 'main', 3, 2, false),
      { op: 'BatchNormalization', inputs: ['main', ...norms], outputs: ['normal'] },
      conv('shortcut', 'active', 'short', 1, 2),
      { op: 'Add', inputs: ['normal', 'short'], outputs: ['joined'] },
      { op: 'HardSwish', inputs: ['joined'], outputs: ['second'] },
      conv('last', 'second', 'features', 3, 1),
      { op: 'GlobalAveragePool', inputs: ['features'], outputs: ['pooled'] },
    ],
    initializers: {
      'first conv.weight': weight([6, 3, 3, 3], 'a'),
      'first conv.bias': weight([6], 'b'),
      'main.weight': weight([8, 6, 3, 3], 'c'),
      'shortcut.weight': weight([8, 6, 1, 1], 'd'),
      'shortcut.bias': weight([8], 'e'),
      'last.weight': weight([10, 8, 3, 3], 'f'),
      'last.bias': weight([10], 'g'),
      scale: weight([8], 'h'),
      shift: weight([8], 'i'),
      mean: weight([8], 'j'),
      var: floats([8], uniform([8], 0.5, 2, 'k')),
    },
    inputs: { pixels: size },
    outputs: ['features', 'pooled'],
  };
}
