import { describe, expect, it } from 'vitest';
import { parseOnnx } from '../../weights/onnx.ts';
import { Emitter, type EmitterOptions } from './emitter.ts';

/** What is read of a model of which all nodes are wanted. */
const read = (build: (emit: Emitter) => void, options: EmitterOptions = {}) => {
  const emit = new Emitter(options);
  const made: string[] = [];
  const node = emit.node.bind(emit);
  emit.node = (...given) => {
    made.push(node(...given));
    return made.at(-1)!;
  };
  build(emit);
  emit.node = node;
  for (const [i, name] of made.entries()) emit.output(name, `kept:${i}`, []);
  const model = parseOnnx(emit.model(), 'emitted');
  const own = (name: string) => !name.startsWith('kept:');
  return {
    ...model,
    nodes: model.nodes.filter(({ outputs }) => own(outputs[0])),
    outputs: model.outputs.filter(({ name }) => own(name)),
  };
};

describe('Emitter', () => {
  it('writes every kind of attribute', () => {
    const { nodes } = read(emit => {
      emit.node('Op', ['a', 'b'], {
        axis: -1,
        zero: 0,
        large: 2 ** 40,
        epsilon: { float: 0.1 },
        minus: { float: -2 },
        mode: 'linear',
        pads: [0, -3, 2],
        none: [],
      });
    });
    expect(nodes).toHaveLength(1);
    expect(nodes[0].opType).toBe('Op');
    expect(nodes[0].inputs).toEqual(['a', 'b']);
    expect(Object.fromEntries(nodes[0].attributes)).toEqual({
      axis: { type: 'int', value: -1 },
      zero: { type: 'int', value: 0 },
      large: { type: 'int', value: 2 ** 40 },
      epsilon: { type: 'float', value: Math.fround(0.1) },
      minus: { type: 'float', value: -2 },
      mode: { type: 'string', value: 'linear' },
      pads: { type: 'ints', value: [0, -3, 2] },
      none: { type: 'ints', value: [] },
    });
  });

  it('names values apart and nodes after them', () => {
    const names: string[] = [];
    const { nodes } = read(emit => {
      names.push(emit.node('A', []), emit.node('B', []), emit.node('C', [], {}, { output: 'result' }));
    });
    expect(names[0]).not.toBe(names[1]);
    expect(nodes.map(n => n.outputs)).toEqual(names.map(name => [name]));
    expect(names[2]).toBe('result');
    expect(new Set(nodes.map(n => n.name)).size).toBe(3);
  });

  it('states the operator sets that it uses', () => {
    const plain = read(emit => emit.node('Add', ['a', 'b']));
    expect([...plain.opsets]).toEqual([['', 20]]);
    const fused = read(emit => emit.node('FusedMatMul', ['a', 'b'], {}, { domain: 'com.microsoft' }));
    expect([...fused.opsets]).toEqual([
      ['', 20],
      ['com.microsoft', 1],
    ]);
    expect(fused.nodes[0].domain).toBe('com.microsoft');
  });

  it('writes inputs, outputs and their shapes', () => {
    const model = read(emit => {
      emit.input('image', [1, 3, 224, 200]);
      emit.input('scale', []);
      emit.output('image', 'same', [1, 3, 224, 200]);
    });
    expect(model.inputs).toEqual([
      { name: 'image', dtype: 'F32', shape: [1, 3, 224, 200] },
      { name: 'scale', dtype: 'F32', shape: [] },
    ]);
    expect(model.outputs).toEqual([{ name: 'same', dtype: 'F32', shape: [1, 3, 224, 200] }]);
    expect(model.nodes.map(n => [n.opType, n.inputs, n.outputs])).toEqual([['Identity', ['image'], ['same']]]);
  });

  it('writes constants, each list and number once', () => {
    const names: string[] = [];
    const { initializers } = read(emit => {
      names.push(emit.int64([1, -1, 2 ** 40, -(2 ** 53 - 1)]), emit.int64([]), emit.int64([12]), emit.int64([1, 2]));
      expect(emit.int64([1, 2])).toBe(names[3]);
      names.push(emit.scalar(0.5), emit.scalar(-0.5));
      expect(emit.scalar(0.5)).toBe(names[4]);
      // a view into a longer array
      names.push(emit.float32(Float32Array.of(9, 1, 2, 3, 4, 9).subarray(1, 5), [2, 2], 'weight'));
    });
    expect(names.map(name => initializers.get(name))).toEqual([
      { dtype: 'I64', shape: [4], data: BigInt64Array.of(1n, -1n, 2n ** 40n, -(2n ** 53n - 1n)) },
      { dtype: 'I64', shape: [0], data: new BigInt64Array(0) },
      { dtype: 'I64', shape: [1], data: BigInt64Array.of(12n) },
      { dtype: 'I64', shape: [2], data: BigInt64Array.of(1n, 2n) },
      { dtype: 'F32', shape: [], data: Float32Array.of(0.5) },
      { dtype: 'F32', shape: [], data: Float32Array.of(-0.5) },
      { dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
    ]);
    expect(names[6]).toBe('weight');
    expect(initializers.size).toBe(7);
  });
});

describe('reshape', () => {
  /** What is reshaped, and whether the shape is known ahead: of an input, of what was reshaped before, of a constant. */
  const reshapes = (lateShapes: boolean) => {
    const values: string[] = [];
    const { nodes, initializers } = read(
      emit => {
        const map = emit.input('map', [6, 5]);
        values.push(map, emit.reshape(map, [2, 3, 5]));
        values.push(emit.reshape(values[1], [30]), emit.reshape(emit.float32(new Float32Array(6), [6], 'six'), [2, 3]));
      },
      { lateShapes },
    );
    return values.map(value => {
      const made = nodes.find(({ outputs }) => outputs[0] === value);
      return made ? [made.inputs[0] === values[1] ? 'reshaped' : made.inputs[0], initializers.has(made.inputs[1])] : [];
    });
  };

  it('has shapes that are known ahead', () => {
    expect(reshapes(false)).toEqual([[], ['map', true], ['reshaped', true], ['six', true]]);
  });

  it('has shapes of what varies known late only, if asked, inputs too, and never two in a row', () => {
    expect(reshapes(true)).toEqual([
      ['map', false],
      ['map', false],
      ['map', false],
      ['six', true],
    ]);
  });
});

it('leaves out what no output needs', () => {
  const emit = new Emitter();
  emit.input('x', [2]);
  const used = emit.node('Relu', ['x']);
  emit.node('Tanh', [emit.node('Neg', [used])]);
  emit.output(used, 'y', [2]);
  expect(parseOnnx(emit.model(), 'emitted').nodes.map(({ opType }) => opType)).toEqual(['Relu', 'Identity']);
});

describe('zeroFrom', () => {
  it('is made once of every value', () => {
    const { nodes } = read(emit => {
      emit.input('map', [6]);
      expect(emit.zeroFrom('map', 6)).toBe(emit.zeroFrom('map', 6));
    });
    expect(nodes.filter(({ opType }) => opType === 'ReduceSum')).toHaveLength(1);
  });
});
