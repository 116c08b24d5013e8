import { describe, expect, it } from 'vitest';
import { parseOnnx } from '../../weights/onnx.ts';
import { sum } from '../ops/basic.ts';
import { add, mul } from '../ops/elementwise.ts';
import { constant, GraphError, input, type Tensor } from '../tensor.ts';
import { toOnnx } from './model.ts';

const x = input('x', [2, 2], 'clicks');
const w = input('w', [2, 2], 'frozen');
const emitted = (outputs: Record<string, Tensor>, bound: Record<string, Float32Array> = {}) =>
  toOnnx(new Map(Object.entries(outputs)), new Map(Object.entries(bound)));

describe('toOnnx', () => {
  it('gives sources as inputs, bound ones as initializers of their names', () => {
    const { bytes, inputs } = emitted(
      { y: mul(x, w) },
      { w: Float32Array.of(1, 2, 3, 4), unused: new Float32Array(9) },
    );
    expect([...inputs]).toEqual([['x', x]]);
    const model = parseOnnx(bytes, 'emitted');
    expect(model.inputs.map(i => i.name)).toEqual(['x']);
    expect([...model.initializers]).toEqual([
      ['w', { dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
    ]);
    expect(model.outputs.map(o => o.name)).toEqual(['y']);
  });

  it('computes a shared value once', () => {
    const shared = mul(x, x);
    const { bytes } = emitted({ a: add(shared, shared), b: shared });
    const types = parseOnnx(bytes, 'emitted').nodes.map(n => n.opType);
    expect(types).toEqual(['Mul', 'Add', 'Identity', 'Identity']);
  });

  it('keeps constants, numbers as scalars', () => {
    const { bytes } = emitted({ y: add(add(x, 2), constant(Float32Array.of(5, 6), [1, 2])) });
    const shapes = [...parseOnnx(bytes, 'emitted').initializers.values()].map(t => [t.shape, [...t.data]]);
    expect(shapes).toEqual(
      expect.arrayContaining([
        [[], [2]],
        [
          [1, 2],
          [5, 6],
        ],
      ]),
    );
  });

  it('refuses two inputs of one name', () => {
    const twin = input('x', [2, 1], 'clicks');
    expect(() => emitted({ y: add(x, twin) })).toThrow(new GraphError('two different inputs are named "x"'));
  });

  it('refuses an output that has the name of an input, bound or not', () => {
    expect(() => emitted({ x: add(x, 1) })).toThrow(new GraphError('output "x" has the name of an input'));
    expect(() => emitted({ w: mul(x, w) }, { w: new Float32Array(4) })).toThrow(/output "w" has the name of an input/);
  });

  it('refuses bound data of another size', () => {
    const bind = () => emitted({ y: sum(w, [0]) }, { w: new Float32Array(3) });
    expect(bind).toThrow(new GraphError('"w": 3 numbers bound to shape [2, 2]'));
  });
});
