import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/support/close.ts';
import { type AttributeSpec, type GraphSpec, onnxModel, type TensorSpec } from '../../../test/support/onnx-model.ts';
import { evaluate, uniform } from '../../../test/support/run.ts';
import { input, type Shape } from '../../graph/tensor.ts';
import { Scope } from '../../nn/scope.ts';
import { parseOnnx } from '../../weights/onnx.ts';
import { graphWeights, importGraph } from './graph.ts';
import { isSized, onnxTable } from './table.ts';

/** An input: the shape of one that is fed, numbers in the file, or none. */
type Given = Shape | TensorSpec | null;

interface Case {
  inputs: readonly Given[];
  attributes?: Readonly<Record<string, AttributeSpec>>;
  opset?: number;
  domain?: string;
  /** Number of outputs. */
  outputs?: number;
  /** Of what is fed; [-1.5, 1.5] by default. */
  range?: readonly [low: number, high: number];
  tolerance?: number;
}

const f = (shape: Shape, ...data: number[]): TensorSpec => ({ type: 'float', shape, data });
const i = (...data: number[]): TensorSpec => ({ type: 'int64', shape: [data.length], data });
const one = (value: number): TensorSpec => ({ type: 'int64', shape: [], data: [value] });
const b = (...data: number[]): TensorSpec => ({ type: 'bool', shape: [data.length], data });
const small = (...shape: number[]): TensorSpec => {
  const data = uniform(shape, -1, 1, 'small', ...shape);
  return { type: 'float', shape, data };
};
const positive = (...shape: number[]): TensorSpec => ({
  type: 'float',
  shape,
  data: uniform(shape, 0.5, 2, 'positive', ...shape),
});

const x: Shape = [2, 3, 4];
const map: Shape = [2, 3, 7, 6];
const knownFloats = f([6], -2.5, -1.5, -0.2, 0.5, 1.5, 2);
const unary: Case[] = [{ inputs: [x] }, { inputs: [knownFloats] }];
const positiveUnary: Case[] = [{ inputs: [x], range: [0.2, 3] }, { inputs: [f([3], 0.5, 1, 3)] }];
const binary: Case[] = [
  { inputs: [x, x] },
  { inputs: [x, [3, 1]] },
  { inputs: [f([], 0.7), x] },
  { inputs: [x, small(3, 4)] },
  { inputs: [i(7, -7, 5), i(2, 2, -3)] },
  { inputs: [f([2, 1], 1, 0.3), f([2], 0.5, 3)] },
];
const compared: Case[] = [{ inputs: [x, x] }, { inputs: [i(1, 2, 3), i(2, 2, 2)] }];
const logic: Case[] = [{ inputs: [b(0, 0, 1, 1), b(0, 1, 0, 1)] }];
const reduced: Case[] = [
  { inputs: [x, i(-1)], opset: 18 },
  { inputs: [x], attributes: { axes: [0, 2], keepdims: 0 }, opset: 11 },
  { inputs: [x], opset: 11 },
];
const knownReduced: Case[] = [{ inputs: [f([2, 3], 1, 2, 3, 4, 5, 7), i(1)], attributes: { keepdims: 0 }, opset: 18 }];
const integerReduced: Case[] = [
  { inputs: [{ type: 'int64', shape: [2, 3], data: [1, 2, 3, 4, 5, 7] }, i(0)], opset: 18 },
];

const resizeTo = (height: number, width: number, attributes: Record<string, AttributeSpec>, opset = 19): Case => ({
  inputs: [map, null, null, i(2, 3, height, width)],
  attributes,
  opset,
  tolerance: 2e-5,
});
const resizeBy = (vertical: number, horizontal: number, attributes: Record<string, AttributeSpec>): Case => ({
  inputs: [map, null, f([4], 1, 1, vertical, horizontal)],
  attributes,
  tolerance: 2e-5,
});
const coordinates = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric', 'half_pixel_symmetric'];

const cases: Record<string, readonly Case[]> = {
  Add: binary,
  Sub: binary,
  Mul: binary,
  Div: [...binary.slice(3), { inputs: [x, x], range: [0.5, 2] }],
  Mod: [{ inputs: [i(7, -7, 5), i(2, 3, -3)] }, { inputs: [f([2], 5.5, -5.5), f([2], 2, 2)], attributes: { fmod: 1 } }],
  Pow: [
    ...[2, 3, 7, -1, -2].map(p => ({ inputs: [x, f([], p)], range: [0.4, 1.5] as const })),
    ...[0.5, -0.5, 1.7, 0].map(p => ({ inputs: [x, f([], p)], range: [0.2, 3] as const })),
    { inputs: [x, f([2, 1, 1, 1], 2, 2)] },
    { inputs: [f([1], 2), x] },
    { inputs: [f([2], 2, 3), f([2], 0.5, 2)] },
  ],
  Sum: [{ inputs: [x, x, [4]] }, { inputs: [x] }],
  Max: [{ inputs: [x, x, [4]] }, { inputs: [i(1, 5), i(3, 2)] }],
  Min: [{ inputs: [x, f([], 0.1)] }, { inputs: [i(1, 5), i(3, 2)] }],
  Mean: [{ inputs: [x, x, [4]] }],
  Neg: [...unary, { inputs: [i(3, -2)] }],
  Abs: unary,
  Exp: unary,
  Log: positiveUnary,
  Sqrt: positiveUnary,
  Reciprocal: positiveUnary,
  Sin: unary,
  Cos: unary,
  Tanh: unary,
  Sigmoid: unary,
  Erf: unary,
  Sign: unary,
  Floor: [{ inputs: [knownFloats] }],
  Ceil: [{ inputs: [knownFloats] }],
  Round: [{ inputs: [knownFloats] }],
  Equal: compared,
  Greater: compared,
  GreaterOrEqual: compared,
  Less: compared,
  LessOrEqual: compared,
  And: logic,
  Or: logic,
  Xor: logic,
  Not: [{ inputs: [b(0, 1)] }],
  Where: [
    { inputs: [b(1, 0, 1, 0), x, x] },
    { inputs: [b(1, 0, 1, 0), f([], -Infinity), x] },
    { inputs: [b(1, 0), i(1, 2), i(3, 4)] },
  ],
  Clip: [
    { inputs: [x, f([], -0.5), f([], 0.7)] },
    { inputs: [x, null, f([], 0.7)] },
    { inputs: [x], attributes: { min: { float: -0.3 }, max: { float: 0.4 } }, opset: 6 },
    { inputs: [x], attributes: { min: { float: 0 } }, opset: 6 },
    { inputs: [i(-3, 3), one(0)] },
  ],

  Relu: unary,
  LeakyRelu: [...unary, { inputs: [x], attributes: { alpha: { float: 0.3 } } }],
  PRelu: [{ inputs: [x, small(3, 1)] }],
  ThresholdedRelu: [{ inputs: [x] }, { inputs: [x], attributes: { alpha: { float: 0.2 } } }],
  Elu: [...unary, { inputs: [x], attributes: { alpha: { float: 0.3 } } }],
  Celu: [{ inputs: [x] }, { inputs: [x], attributes: { alpha: { float: 0.3 } } }],
  Selu: [{ inputs: [x] }],
  Softplus: [{ inputs: [x], range: [-30, 30] }],
  Softsign: unary,
  Mish: unary,
  HardSigmoid: [
    { inputs: [x], range: [-4, 4] },
    { inputs: [x], attributes: { alpha: { float: 0.5 }, beta: { float: 0.1 } } },
  ],
  HardSwish: [{ inputs: [x], range: [-4, 4] }],
  Gelu: [{ inputs: [x] }, { inputs: [x], attributes: { approximate: 'tanh' } }],
  Softmax: [
    { inputs: [x] },
    { inputs: [x], attributes: { axis: 1 } },
    { inputs: [map], attributes: { axis: -3 } },
    { inputs: [x], opset: 11 },
    { inputs: [x], attributes: { axis: 0 }, opset: 11 },
  ],
  LogSoftmax: [
    { inputs: [x], range: [-60, 60] },
    { inputs: [x], attributes: { axis: 1 } },
    { inputs: [x], opset: 11 },
  ],
  'com.microsoft.Gelu': [{ inputs: [x] }],
  'com.microsoft.BiasGelu': [{ inputs: [x, small(4)] }],
  'com.microsoft.FastGelu': [{ inputs: [x] }, { inputs: [x, small(4)] }],
  'com.microsoft.QuickGelu': [{ inputs: [x] }, { inputs: [x], attributes: { alpha: { float: 0.9 } } }],

  Constant: [
    { inputs: [], attributes: { value: { tensor: i(3, 2 ** 40) } } },
    { inputs: [], attributes: { value: { tensor: small(4, 5) } } },
    { inputs: [], attributes: { value_float: { float: 0.1 } } },
    { inputs: [], attributes: { value_floats: { floats: [0.1, 2] } } },
    { inputs: [], attributes: { value_int: 7 } },
    { inputs: [], attributes: { value_ints: [7, -8] } },
  ],
  ConstantOfShape: [
    { inputs: [i(2, 3)] },
    { inputs: [i(4)], attributes: { value: { tensor: i(-1) } } },
    { inputs: [i(0)] },
  ],
  Range: [
    { inputs: [one(2), one(9), one(3)] },
    { inputs: [one(3), one(-2), one(-2)] },
    { inputs: [f([], 0), f([], 1), f([], 0.3)] },
  ],
  Shape: [
    { inputs: [x] },
    { inputs: [x], attributes: { start: 1 } },
    { inputs: [x], attributes: { start: -3, end: -1 } },
  ],
  Size: [{ inputs: [x] }],
  NonZero: [{ inputs: [{ type: 'int64', shape: [2, 3], data: [0, 1, 2, 3, 0, 0] }] }],
  Cast: [
    { inputs: [x], attributes: { to: 1 } },
    { inputs: [f([3], -1.7, 0, 2.9)], attributes: { to: 7 } },
    { inputs: [f([3], -1.7, 0, 2.9)], attributes: { to: 9 } },
    { inputs: [i(3, 2 ** 24 + 1)], attributes: { to: 1 } },
    { inputs: [b(0, 1)], attributes: { to: 6 } },
  ],
  CastLike: [{ inputs: [i(3, 4), x] }],
  DequantizeLinear: [
    {
      inputs: [
        { type: 'uint8', shape: [2, 2], data: [0, 100, 200, 255] },
        f([], 0.1),
        { type: 'uint8', shape: [], data: [128] },
      ],
    },
    { inputs: [{ type: 'int8', shape: [2, 2], data: [0, 100, 200, 255] }, f([2], 0.1, 0.3)], attributes: { axis: 0 } },
  ],

  Identity: [{ inputs: [x] }, { inputs: [i(1, 2)] }],
  Dropout: [{ inputs: [x], opset: 11 }, { inputs: [x, f([], 0.5), { type: 'bool', shape: [], data: [0] }] }],
  Reshape: [{ inputs: [x, i(0, -1)] }, { inputs: [x, i(4, 6)] }, { inputs: [i(1, 2, 3, 4, 5, 6), i(2, -1)] }],
  Flatten: [
    { inputs: [map] },
    { inputs: [map], attributes: { axis: -1 } },
    { inputs: [map], attributes: { axis: 4 } },
    { inputs: [map], attributes: { axis: 0 } },
  ],
  Squeeze: [
    { inputs: [[1, 3, 1, 2], i(0, -2)] },
    { inputs: [[1, 3, 1, 2]] },
    { inputs: [[1, 3, 1, 2]], attributes: { axes: [2] }, opset: 11 },
    { inputs: [i(5), i(0)] },
  ],
  Unsqueeze: [
    { inputs: [x, i(0, -1)] },
    { inputs: [x], attributes: { axes: [2, 0] }, opset: 11 },
    { inputs: [one(5), i(0)] },
  ],
  Transpose: [
    { inputs: [x] },
    { inputs: [x], attributes: { perm: [1, 2, 0] } },
    { inputs: [{ type: 'int64', shape: [1, 2, 3], data: [1, 2, 3, 4, 5, 6] }], attributes: { perm: [2, 0, 1] } },
  ],
  Concat: [
    { inputs: [x, [2, 2, 4], f([2, 1, 4], 1, 2, 3, 4, 5, 6, 7, 8)], attributes: { axis: 1 } },
    { inputs: [i(1), i(2, 3), i()], attributes: { axis: 0 } },
    {
      inputs: [
        { type: 'int64', shape: [2, 1], data: [1, 2] },
        { type: 'int64', shape: [2, 2], data: [3, 4, 5, 6] },
      ],
      attributes: { axis: -1 },
    },
  ],
  Split: [
    { inputs: [map], attributes: { axis: 3 }, outputs: 2, opset: 13 },
    { inputs: [map], attributes: { axis: 2, num_outputs: 3 }, outputs: 3 },
    { inputs: [map, i(2, 5)], attributes: { axis: -2 }, outputs: 2 },
    { inputs: [map], attributes: { axis: 1, split: [1, 2] }, outputs: 2, opset: 11 },
    { inputs: [i(1, 2, 3, 4), i(1, 3)], outputs: 2 },
  ],
  Slice: [
    { inputs: [map, i(1, -4), i(9, -1), i(1, 3)] },
    { inputs: [map, i(0), i(2 ** 53), i(2), i(3)] },
    { inputs: [map, i(-1), i(-(2 ** 53)), i(3), i(-2)] },
    { inputs: [map, i(5), i(0), i(2), i(-2)] },
    { inputs: [x], attributes: { starts: [0, 1], ends: [2, 3], axes: [0, 2] }, opset: 9 },
    { inputs: [x, i(1), i(2)] },
    { inputs: [i(1, 2, 3, 4), i(-1), i(-9), i(0), i(-1)] },
    { inputs: [i(1, 2, 3), i(3), i(9)] },
  ],
  Gather: [
    { inputs: [x, one(-1)], attributes: { axis: 1 } },
    { inputs: [x, i(2, 0, 1, 1)], attributes: { axis: 1 } },
    { inputs: [[12, 2], { type: 'int64', shape: [3, 4], data: [0, 5, 3, 1, 11, 2, 2, 9, 1, 10, 4, 0] }] },
    { inputs: [x, { type: 'int64', shape: [1, 2], data: [3, 1] }], attributes: { axis: 2 } },
    { inputs: [i(7, 8, 9), one(1)] },
    { inputs: [i(7, 8, 9), { type: 'int64', shape: [1, 2], data: [-1, 0] }] },
  ],
  Expand: [{ inputs: [[3, 1], i(2, 1, 4)] }, { inputs: [i(1, 2), i(2, 2)] }, { inputs: [x, i(1)] }],
  Tile: [{ inputs: [x, i(1, 2, 3)] }, { inputs: [i(1, 2), i(2)] }],
  Pad: [
    { inputs: [map, i(0, 0, 1, 2, 0, 0, 3, 0)] },
    { inputs: [map, i(0, 0, 1, 2, 0, 1, 3, 0), f([], -2)] },
    { inputs: [map, i(0, 0, 1, 2, 0, 0, 3, 0)], attributes: { mode: 'reflect' } },
    { inputs: [map, i(0, 0, 1, 2, 0, 0, 3, 0)], attributes: { mode: 'edge' } },
    { inputs: [map, i(0, 0, -1, 2, 0, 0, 3, -2)] },
    { inputs: [map, i(1, 2), null, i(-1)] },
    { inputs: [map], attributes: { pads: [0, 0, 1, 0, 0, 0, 0, 2], value: { float: 0.5 } }, opset: 10 },
  ],
  DepthToSpace: [
    { inputs: [[1, 8, 2, 3]], attributes: { blocksize: 2 } },
    { inputs: [[1, 8, 2, 3]], attributes: { blocksize: 2, mode: 'CRD' } },
  ],
  SpaceToDepth: [{ inputs: [[1, 2, 4, 6]], attributes: { blocksize: 2 } }],

  MatMul: [
    {
      inputs: [
        [2, 3, 4],
        [4, 5],
      ],
    },
    {
      inputs: [
        [2, 1, 3, 4],
        [3, 4, 5],
      ],
    },
    { inputs: [[4], [2, 4, 3]] },
    { inputs: [[2, 3, 4], [4]] },
    { inputs: [[2, 3], small(3, 8)] },
  ],
  Gemm: [
    {
      inputs: [
        [2, 3],
        [3, 4],
      ],
    },
    { inputs: [[3, 2], [4, 3], [4]], attributes: { transA: 1, transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } } },
  ],
  Einsum: [
    {
      inputs: [
        [2, 3, 4],
        [2, 4, 5],
      ],
      attributes: { equation: 'bij, bjk -> bik' },
    },
    {
      inputs: [
        [2, 3, 4, 5],
        [3, 6, 5],
      ],
      attributes: { equation: 'bhwc,hkc->bhwk' },
    },
    {
      inputs: [
        [2, 4, 3, 5],
        [2, 4, 6, 5],
      ],
      attributes: { equation: 'bhid,bhjd->bijh' },
    },
    {
      inputs: [
        [2, 3],
        [3, 4],
      ],
      attributes: { equation: 'ij,jk' },
    },
    { inputs: [[2, 3, 4]], attributes: { equation: 'abc->ca' } },
    { inputs: [[2, 3], [4]], attributes: { equation: 'ab,c->ca' } },
  ],
  'com.microsoft.FusedMatMul': [
    {
      inputs: [
        [2, 4, 3],
        [2, 5, 4],
      ],
      attributes: { transA: 1, transB: 1, alpha: { float: 0.3 } },
    },
  ],

  Conv: [
    { inputs: [map, small(4, 3, 3, 3), small(4)], attributes: { pads: [1, 1, 1, 1] } },
    { inputs: [map, small(4, 3, 2, 3)], attributes: { strides: [2, 2], pads: [0, 1, 2, 0], kernel_shape: [2, 3] } },
    { inputs: [map, small(6, 1, 3, 3)], attributes: { group: 3, dilations: [2, 2], pads: [2, 2, 2, 2] } },
    { inputs: [map, small(4, 3, 3, 3)], attributes: { strides: [2, 1], pads: [1, 1, 1, 1] } },
    { inputs: [map, small(4, 3, 3, 3)], attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] } },
    { inputs: [map, small(4, 3, 3, 3)], attributes: { auto_pad: 'SAME_LOWER', strides: [2, 2] } },
    { inputs: [map, small(4, 3, 3, 3)], attributes: { auto_pad: 'VALID' } },
  ],
  ConvTranspose: [
    { inputs: [map, small(3, 4, 2, 2), small(4)], attributes: { strides: [2, 2] } },
    { inputs: [map, small(3, 4, 3, 3)], attributes: { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] } },
    { inputs: [map, small(3, 2, 3, 3)], attributes: { group: 3, pads: [1, 0, 1, 0] } },
    { inputs: [map, small(3, 4, 3, 3)], attributes: { strides: [2, 2], auto_pad: 'SAME_UPPER' } },
    { inputs: [map, small(3, 4, 3, 3)], attributes: { strides: [2, 2], auto_pad: 'SAME_LOWER' } },
    { inputs: [map, small(3, 4, 3, 3)], attributes: { strides: [2, 2], output_shape: [14, 13] } },
  ],
  MaxPool: [
    { inputs: [map], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
    { inputs: [map], attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }, range: [-3, -1] },
    { inputs: [map], attributes: { kernel_shape: [2, 3], strides: [2, 2], ceil_mode: 1 } },
    { inputs: [map], attributes: { kernel_shape: [2, 2], dilations: [2, 3] } },
    { inputs: [map], attributes: { kernel_shape: [3, 3], strides: [2, 2], auto_pad: 'SAME_UPPER' } },
  ],
  AveragePool: [
    { inputs: [map], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
    { inputs: [map], attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] } },
    { inputs: [map], attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 } },
    { inputs: [map], attributes: { kernel_shape: [2, 3], strides: [2, 2], ceil_mode: 1 } },
    {
      inputs: [map],
      attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 0, 0], ceil_mode: 1, count_include_pad: 1 },
    },
  ],
  GlobalAveragePool: [{ inputs: [map] }],
  GlobalMaxPool: [{ inputs: [map] }],

  BatchNormalization: [
    { inputs: [map, small(3), small(3), small(3), positive(3)] },
    { inputs: [[4, 3], small(3), small(3), small(3), positive(3)], attributes: { epsilon: { float: 0.01 } } },
  ],
  InstanceNormalization: [{ inputs: [map, small(3), small(3)], attributes: { epsilon: { float: 0.01 } } }],
  GroupNormalization: [
    { inputs: [[2, 6, 3, 4], small(2), small(2)], attributes: { num_groups: 2 }, opset: 18 },
    { inputs: [[2, 6, 3, 4], small(6), small(6)], attributes: { num_groups: 2 }, opset: 21 },
  ],
  LayerNormalization: [
    { inputs: [x, small(4), small(4)] },
    { inputs: [x, small(3, 4)], attributes: { axis: 1, epsilon: { float: 0.01 } } },
  ],
  RMSNormalization: [{ inputs: [x, small(4)], opset: 23 }],
  SimplifiedLayerNormalization: [{ inputs: [x, small(4)], attributes: { epsilon: { float: 0.01 } } }],
  LpNormalization: [{ inputs: [x] }, { inputs: [x], attributes: { axis: 1, p: 1 } }],
  'com.microsoft.SkipLayerNormalization': [
    { inputs: [x, x, small(4), small(4), small(4)] },
    { inputs: [x, x, small(4)] },
  ],

  ReduceSum: [
    { inputs: [x, i(-1)] },
    { inputs: [x, i()], attributes: { noop_with_empty_axes: 1 } },
    ...knownReduced,
    ...integerReduced,
  ],
  ReduceMean: reduced,
  ReduceMax: [...reduced, ...knownReduced, ...integerReduced],
  ReduceMin: [...reduced, ...knownReduced, ...integerReduced],
  ReduceProd: [...knownReduced, ...integerReduced],
  ReduceL1: reduced,
  ReduceL2: reduced,
  ReduceSumSquare: reduced,
  ReduceLogSumExp: [...reduced, { inputs: [x, i(-1)], range: [-200, 200] }],

  Resize: [
    ...coordinates.flatMap(mode => [
      resizeTo(10, 11, { mode: 'linear', coordinate_transformation_mode: mode }),
      resizeTo(4, 5, { mode: 'linear', coordinate_transformation_mode: mode }),
      resizeTo(10, 4, { mode: 'cubic', coordinate_transformation_mode: mode }),
      resizeTo(10, 4, { mode: 'nearest', coordinate_transformation_mode: mode }),
    ]),
    ...['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'].map(rounding =>
      resizeTo(14, 3, { mode: 'nearest', nearest_mode: rounding }),
    ),
    resizeBy(2, 2, { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }),
    resizeBy(1.3, 0.6, { mode: 'linear' }),
    resizeBy(1.3, 0.6, { mode: 'cubic', cubic_coeff_a: { float: -0.5 } }),
    resizeTo(10, 4, { mode: 'cubic', exclude_outside: 1 }),
    resizeTo(5, 4, { mode: 'linear', antialias: 1 }),
    resizeTo(5, 4, { mode: 'cubic', antialias: 1 }),
    { inputs: [map, null, null, i(9, 8)], attributes: { axes: [-2, -1], mode: 'linear' } },
    { inputs: [map, f([4], 1, 1, 2, 3)], attributes: { mode: 'nearest' }, opset: 10 },
    { inputs: [map, f([4], 1, 1, 0.6, 0.5)], attributes: { mode: 'nearest' }, opset: 10 },
    { inputs: [map, f([4], 1, 1, 2, 1.5)], attributes: { mode: 'linear' }, opset: 10 },
  ],
  Upsample: [
    { inputs: [map, f([4], 1, 1, 2, 3)], opset: 9 },
    { inputs: [map], attributes: { scales: { floats: [1, 1, 2, 2] }, mode: 'linear' }, opset: 7 },
  ],
};

it('has cases for every op of the table', () => {
  const tested = Object.entries(cases).flatMap(([op, list]) => (list.length > 0 ? op : []));
  expect(tested.sort()).toEqual(Object.keys(onnxTable).sort());
});

const flat = Object.entries(cases).flatMap(([op, list]) =>
  list.map((each, index) => ({ op, index, title: title(each), each })),
);

function title({ inputs, attributes, opset }: Case): string {
  const shapes = inputs.map(given => (given === null ? 'none' : Array.isArray(given) ? `[${given}]` : 'known'));
  return [shapes.join(' '), attributes && JSON.stringify(attributes).slice(0, 80), opset && `opset ${opset}`]
    .filter(part => part)
    .join(' ');
}

describe('every op gives what the runtime gives', () => {
  it.each(flat)('$op $title', async ({ op, index, each }) => {
    const domain = op.includes('.') ? op.slice(0, op.lastIndexOf('.')) : '';
    const outputs = Array.from({ length: each.outputs ?? 1 }, (_, at) => `y${at}`);
    const fed = new Map<string, Shape>();
    const initializers: Record<string, TensorSpec> = {};
    const names = each.inputs.map((given, at) => {
      if (given === null) return '';
      if ('type' in given) initializers[`x${at}`] = given;
      else fed.set(`x${at}`, given);
      return `x${at}`;
    });
    const spec: GraphSpec = {
      nodes: [
        {
          op: op.slice(op.lastIndexOf('.') + 1),
          name: 'n',
          domain,
          inputs: names,
          outputs,
          attributes: each.attributes,
        },
      ],
      initializers,
      inputs: Object.fromEntries(fed),
      outputs,
    };
    const bytes = onnxModel(spec, each.opset);
    const [low, high] = each.range ?? [-1.5, 1.5];
    const data = new Map([...fed].map(([name, shape]) => [name, uniform(shape, low, high, op, index, name)]));
    const expected = await runtime(bytes, fed, data);

    const model = parseOnnx(bytes, 'test.onnx');
    const feeds = new Map([...fed].map(([name, shape]) => [name, input(name, shape, 'clicks')]));
    const graph = importGraph(
      { ...model, file: 'test.onnx', table: onnxTable, isSized },
      { feeds, scope: Scope.frozen('w') },
    );
    const bound = new Map([...graphWeights(model)].map(([name, weight]) => [`w.${name}`, weight.data]));
    for (const name of outputs) {
      const { shape, tensor, known } = graph.get(name);
      expect(shape).toEqual(expected[name].dims);
      const numbers = known ?? (await evaluate({ y: tensor! }, Object.fromEntries(data), { bound })).y;
      const wanted = Array.from(expected[name].data as ArrayLike<number | bigint | boolean>, Number);
      expectClose(numbers, wanted, each.tolerance ?? 5e-6, name);
    }
  });
});

async function runtime(bytes: Uint8Array, shapes: ReadonlyMap<string, Shape>, data: ReadonlyMap<string, Float32Array>) {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4, graphOptimizationLevel: 'disabled' });
  try {
    const feeds = [...data].map(([name, values]) => [name, new ort.Tensor('float32', values, shapes.get(name)!)]);
    return await session.run(Object.fromEntries(feeds));
  } finally {
    await session.release();
  }
}
