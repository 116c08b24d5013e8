import type { ImportTable, NodeProto } from './node.ts';
import { activations } from './ops/activations.ts';
import { arithmetic } from './ops/arithmetic.ts';
import { constants } from './ops/constants.ts';
import { convolutions } from './ops/convolution.ts';
import { layout } from './ops/layout.ts';
import { norms } from './ops/normalisation.ts';
import { pools } from './ops/pooling.ts';
import { products } from './ops/products.ts';
import { reductions } from './ops/reduction.ts';
import { resizes } from './ops/resize.ts';

/** Every ONNX op that can be imported. */
export const onnxTable: ImportTable = {
  ...arithmetic,
  ...activations,
  ...constants,
  ...layout,
  ...products,
  ...convolutions,
  ...pools,
  ...norms,
  ...reductions,
  ...resizes,
};

const SIZED = new Set(['Reshape', 'Expand', 'Tile', 'Slice', 'Gather', 'Split', 'Range', 'ConstantOfShape']);

/** Whether an ONNX node may hold a size of the image that the model was exported for. */
export const isSized = ({ opType, inputs }: NodeProto): boolean =>
  SIZED.has(opType) || (opType === 'Resize' && (inputs[3] ?? '') !== '');
