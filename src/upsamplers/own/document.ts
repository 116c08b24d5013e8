import { readFileSync } from 'node:fs';

const example = (name: string): string =>
  readFileSync(new URL(`../../../docs/examples/${name}`, import.meta.url), 'utf8').trimEnd();

/** The section of docs/upsamplers.md on files of one's own. It shows the examples that tests run. */
export const ownUpsamplersSection = (): string => `## Bring your own

A file joins a bench like a built-in upsampler: same probe, same training, a row in the table, a curve, a column of
pictures. It is called as the file, or as \`NAME=FILE\` says; paths are seen from where the command runs.

\`\`\`sh
npx clickprobe bench --upsamplers none,bilinear,./mine.ts,net=./mine.onnx
npx clickprobe features photo.jpg --upsampler ./mine.ts
\`\`\`

A run goes on with the same file alone: its SHA-256 stands in \`environment.json\` and \`results.json\`, and a changed file is
an error. Where no \`--out\` is given, a changed file gets a new folder. What the file imports from its neighbours is not
part of the hash.

### A TypeScript file

\`mine.ts\` (or \`.mts\`, \`.js\`, \`.mjs\`), in [examples](examples/mine.ts):

\`\`\`ts
${example('mine.ts')}
\`\`\`

- The default export is such an object, or the function \`upsample\` alone. It gets the **features** [B,C,h,w], the
  **image** [B,3,H,W], normalised as for ImageNet, the **size** [H,W] that is asked for, and a **scope** for parameters.
  It gives [B,C,h',w'] of at most that size; what is smaller is brought to the size bilinearly.
- It does not compute, it builds a graph, once for every batch and size, also for sizes that are not square. The engine
  then differentiates it, runs what depends on the image alone once per image, and fuses what it can.
- \`clickprobe\` is the installation that runs, wherever the file lies. \`src/api.ts\` lists what it exports: the ops of the
  graph, layers, kernels of interpolation and types. Types are erased, not checked, and enums and namespaces, which are
  code, are refused, as by Node itself.
- **With weights**: a layer asks for its parameters by name. \`conv(x, scope.at('refine'), { out: 64, kernel: 3, padding: 1 })\`
  needs tensors \`refine.weight\` [64,C,3,3] and \`refine.bias\` [64] from the file that \`weights: 'mine.safetensors'\` names
  beside \`upsample\`, seen from the module's folder, or from \`--upsampler-weights mine=FILE\`. Formats are those of
  [weights.md](weights.md). They stay frozen in a probe.
- Other entries, all for people: \`description\`, \`source\`, \`licence\`, \`learned\`, \`linear\`, \`agnostic\`, \`ratio\`.

The file is a program and runs with your rights: read those of others first.

### An ONNX file

From PyTorch, in [examples](examples/mine.py):

\`\`\`python
${example('mine.py')}
\`\`\`

- Inputs are floats \`features\` [b,C,h,w] and \`image\` [b,3,H,W], normalised as for ImageNet; under other names the image is
  what has three channels, and \`features\` alone will do. There is one output [b,C,h',w']; one that is larger than the
  image is brought down bilinearly.
- Its nodes are imported into our graph, as those of [ONNX backbones](onnx-backbones.md), with gradients to the features.
  An op that is not supported is named. The example is for PyTorch’s TorchScript exporter; from PyTorch 2.9 on give
  \`dynamo=False\`.
- Sizes that the file states are the only ones it takes, unless nothing in it depends on them, which is so for most
  convolutional networks: else use \`--set training.size=N --mode fixedN\`. A batch of one is no limit.
- Its weights are in the file, and stay frozen in a probe.
`;
