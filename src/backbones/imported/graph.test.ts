import { describe, expect, it } from 'vitest';
import {
  floats,
  type GraphSpec,
  ints,
  type NodeSpec,
  onnxModel,
  type TensorSpec,
} from '../../../test/support/onnx-model.ts';
import { UserError } from '../../base/errors.ts';
import { input } from '../../graph/tensor.ts';
import { Scope } from '../../nn/scope.ts';
import { parseOnnx } from '../../weights/onnx.ts';
import { graphWeights, importGraph } from './graph.ts';
import { isSized, onnxTable } from './table.ts';

const x = input('x', [2, 3], 'image');

function imported(spec: Omit<GraphSpec, 'outputs'>, wanted?: string[]) {
  const model = parseOnnx(onnxModel({ ...spec, outputs: [] }), 'net.onnx');
  const source = { ...model, file: 'net.onnx', table: onnxTable, isSized };
  const scope = Scope.frozen('w');
  return { scope, model, graph: importGraph(source, { feeds: new Map([['x', x]]), scope, wanted }) };
}

const node = (op: string, inputs: string[], output: string, attributes: NodeSpec['attributes'] = {}): NodeSpec => ({
  op,
  name: `/${output}`,
  inputs,
  outputs: [output],
  attributes,
});
const truth = (data: number): TensorSpec => ({ type: 'bool', shape: [], data: [data] });
const large = floats([3, 8], new Array<number>(24).fill(0.5));

describe('importGraph', () => {
  it('takes weights from the scope and keeps small numbers in the graph', () => {
    const { scope, graph, model } = imported({
      nodes: [
        node('MatMul', ['x', 'weight'], 'y'),
        node('Constant', [], 'table', { value: { tensor: large } }),
        node('MatMul', ['x', 'table'], 'z'),
        node('Mul', ['x', 'factor'], 'scaled'),
      ],
      initializers: { weight: large, factor: floats([1], [3]) },
    });
    expect(graph.get('y').shape).toEqual([2, 8]);
    expect([...scope.parameters.keys()]).toEqual(['w.weight', 'w.table']);
    expect([...graphWeights(model)].map(([name, { shape }]) => [name, shape])).toEqual([
      ['weight', [3, 8]],
      ['table', [3, 8]],
    ]);
  });

  it('computes sizes exactly, whatever their way', () => {
    const { graph } = imported({
      nodes: [
        node('Shape', ['x'], 'shape'),
        node('Gather', ['shape', 'one'], 'columns'),
        node('Mul', ['columns', 'huge'], 'product'),
        node('Sub', ['product', 'huge'], 'rest'),
        node('Div', ['rest', 'huge'], 'two'),
        node('Unsqueeze', ['two', 'zero'], 'row'),
        node('Concat', ['row', 'minus'], 'target', { axis: 0 }),
        node('Reshape', ['x', 'target'], 'y'),
      ],
      initializers: {
        one: { type: 'int64', shape: [], data: [1] },
        huge: { type: 'int64', shape: [], data: [2 ** 40 + 1] },
        zero: ints(0),
        minus: ints(-1),
      },
    });
    expect([...graph.get('rest').known!]).toEqual([2 * (2 ** 40 + 1)]);
    expect(graph.get('y').shape).toEqual([2, 3]);
  });

  it.each([
    [1, 'Neg'],
    [0, 'Relu'],
  ])('follows the branch of a condition that is known (%i)', (condition, op) => {
    const branch = (inner: string, name: string): GraphSpec => ({
      nodes: [node('Add', ['x', `${name}.table`], `${name}.sum`), node(inner, [`${name}.sum`], `${name}.out`)],
      initializers: { [`${name}.table`]: floats([3], [1, 2, 3]) },
      outputs: [`${name}.out`],
    });
    const spec = {
      nodes: [
        node('If', ['condition'], 'chosen', {
          then_branch: { graph: branch('Neg', 'yes') },
          else_branch: { graph: branch('Relu', 'no') },
        }),
        node('Exp', ['chosen'], 'y'),
      ],
      initializers: { condition: truth(condition) },
    };
    for (const wanted of [undefined, ['y']]) {
      const { graph } = imported(spec, wanted);
      expect(graph.get('y').tensor!.inputs[0].op).toBe(op.toLowerCase());
    }
  });

  it('puts another tensor in the place of a value', () => {
    const model = parseOnnx(onnxModel({ nodes: [node('Exp', ['x'], 'a'), node('Neg', ['a'], 'b')], outputs: [] }), 'n');
    const other = input('other', [2, 3], 'clicks');
    const graph = importGraph(
      { ...model, file: 'n', table: onnxTable, isSized },
      { feeds: new Map([['x', x]]), scope: Scope.frozen('w'), replace: { name: 'a', by: () => other } },
    );
    expect(graph.get('b').tensor!.inputs).toEqual([other]);
  });

  it('imports only what is wanted', () => {
    const { scope, graph } = imported(
      {
        nodes: [node('Neg', ['x'], 'y'), node('MatMul', ['x', 'weight'], 'unused'), node('Foo', ['x'], 'foo')],
        initializers: { weight: large },
      },
      ['y'],
    );
    expect(scope.parameters.size).toBe(0);
    expect([...graph.values.keys()]).toEqual(['x', 'y']);
  });
});

describe('what cannot be imported is an error to those that need it', () => {
  const cases: [string, NodeSpec[], Record<string, TensorSpec>, string[]][] = [
    [
      'an unknown op',
      [node('Loop', ['x'], 'a'), node('Neg', ['a'], 'y')],
      {},
      ['the node "/a" (Loop) cannot be imported: the op is not supported', 'onnx.output', 'Supported are Add, Sub'],
    ],
    [
      'an op of another domain',
      [{ ...node('Relu', ['x'], 'y'), domain: 'mine' }],
      {},
      ['the node "/y" (mine.Relu) cannot be imported'],
    ],
    [
      'an unknown attribute',
      [node('Relu', ['x'], 'y', { slope: 1 })],
      {},
      ['the node "/y" (Relu) cannot be imported: it has the attribute slope, which is not supported (inputs [2, 3])'],
    ],
    ['an input too many', [node('Relu', ['x', 'x'], 'y')], {}, ['it has the input 1, which is not supported']],
    ['an input too few', [node('Add', ['x'], 'y')], {}, ['it has no input 1']],
    [
      'a word',
      [node('Gelu', ['x'], 'y', { approximate: 'rough' })],
      {},
      ['approximate="rough"; supported is none, tanh'],
    ],
    [
      'a type',
      [node('Flatten', ['x'], 'y', { axis: 'one' })],
      {},
      ['its attribute axis is of the type string, expected int'],
    ],
    ['an axis', [node('Softmax', ['x'], 'y', { axis: 2 })], {}, ['it names the axis 2 of 2']],
    [
      'sizes that do not fit',
      [node('Add', ['x', 'w'], 'y')],
      { w: floats([2], [1, 2]) },
      ['shapes that do not broadcast'],
    ],
    [
      'sizes of matrices',
      [node('MatMul', ['x', 'w'], 'y')],
      { w: floats([2, 2], [1, 2, 3, 4]) },
      ['matmul: inner sizes 3 and 2', 'exported for one image size'],
    ],
    ['sizes that the image decides', [node('Reshape', ['x', 'x'], 'y')], {}, ['its shape depend on the image']],
    ['numbers that the image decides', [node('Floor', ['x'], 'y')], {}, ['works on values that depend on the image']],
    [
      'training',
      [node('Dropout', ['x', 'r', 't'], 'y')],
      { r: floats([], [0.5]), t: truth(1) },
      ['is in training mode'],
    ],
    ['a branch by the image', [node('If', ['x'], 'y')], {}, ['it decides by the image']],
    [
      'a missing value',
      [node('Neg', ['mask'], 'y')],
      {},
      ['nothing gives the value "mask": the image is the only input'],
    ],
    ['an exponent', [node('Pow', ['x', 'x'], 'y')], {}, ['has an exponent that is not one known number']],
    ['an equation', [node('Einsum', ['x'], 'y', { equation: 'ii->i' })], {}, ['has the equation "ii->i"']],
  ];
  it.each(cases)('%s', (_, nodes, initializers, messages) => {
    const { graph } = imported({ nodes: [...nodes, node('Exp', ['x'], 'other')], initializers });
    expect(graph.get('other').shape).toEqual([2, 3]);
    expect(() => graph.get('y')).toThrow(UserError);
    for (const message of ['net.onnx', ...messages]) expect(() => graph.get('y')).toThrow(message);
  });
});
