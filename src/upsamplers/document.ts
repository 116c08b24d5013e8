import { count } from '../graph/tensor.ts';
import { fileName, officialWeights } from './official.ts';
import { ownUpsamplersSection } from './own/document.ts';
import { upsamplerParameters } from './parameters.ts';
import { upsamplers } from './registry.ts';
import type { PublishedFile, Upsampler } from './types.ts';

/** What parameters are counted for: the main backbone, DINOv2 ViT-S/14. */
const COUNTED = { channels: 384, stride: 14 };

const introduction = `# Upsamplers

<!-- Made from src/upsamplers by src/upsamplers/document.ts: change it there, then run npx vitest run src/upsamplers/document.test.ts -u -->

What brings a backbone's features to a finer grid before the head sees them. \`--upsamplers NAME,NAME\` takes some; each
gets a probe of its own, trained and evaluated alike.

\`\`\`sh
npx clickprobe bench --upsamplers none,bilinear,jbu          # nothing to fetch
npx clickprobe bench --upsamplers unlearned                  # every one that needs no weights
npx clickprobe bench --upsamplers bilinear,anyup,naf         # learned ones for any backbone; fetched once
npx clickprobe bench --backbone dinov2-s14 --upsamplers loftup,jafar
npx clickprobe bench --upsamplers all                        # and says which are left out, and why
npx clickprobe bench --upsamplers bilinear,./mine.ts         # a file of your own: see below
\`\`\`

- **learned**: has weights, which stay frozen in a probe. **any backbone**: one set of weights serves all. **linear**: linear
  in the features with one spatial kernel for all channels, which lets the engine move convolutions below it.
- **ratio**: output pixels per cell that it makes by itself; the rest up to the image's size is bilinear, corners aligned.
  \`none\` stays at the backbone's grid, its logits are resized.
- \`upsample-anything\` and \`featup-implicit\` are fitted to every picture: seconds for each, and for each zoom-in.
- **parameters** are those that it uses, for ${COUNTED.channels} channels.
`;

const gettingWeights = `## Getting weights

A run takes the weights of a learned upsampler from the file that \`--upsampler-weights NAME=FILE\` names (in a
configuration: \`upsamplerWeights: { NAME: FILE }\`), else the official ones for the backbone from the cache. What is not
there is fetched once, with a line that names place and licence; \`CLICKPROBE_OFFLINE=1\` fetches nothing.

\`\`\`sh
npx clickprobe models list                                   # what is published, what is here
npx clickprobe models get loftup:dinov2-s14                  # of one backbone
npx clickprobe models get anyup                              # one file for all
npx clickprobe models verify featup:clip-b16 my.ckpt         # does this file fit?
npx clickprobe bench --upsamplers featup-kernels --upsampler-weights featup-kernels=my.ckpt
\`\`\`

Files on huggingface.co are fetched as [models.md](models.md) says. Others come from the address in the table below; a
folder on a server that has them under the same names (\`CLICKPROBE_MIRROR=URL\`, for \`models get\` also \`--mirror URL\`) is
tried before. Their publishers state no hash: size and tensors are compared, and \`environment.json\` of a run notes the
SHA-256 of what was loaded. Where the place is a page for people, download the file there and name it.

A file is read in any format of [weights.md](weights.md), under its authors' names, whatever stands before all of them
(\`module.\`, \`state_dict.\` ...), in float32 or half precision. Backbones, downsamplers and optimizer states in it are left
alone. A tensor that is missing, of another shape or of a larger network is an error that names it. Files of our own
training say for which backbone they were made, and are refused for another.

Weights belong to the features they were trained on: those of \`dino-s16\` are not offered for \`dino-s16@key\`, though a file
that is named is taken.
`;

/** What the registry does not know, in the order of the page: each section is a text of its own. */
const handWritten = [gettingWeights, ownUpsamplersSection()];

/** docs/upsamplers.md: what there is to choose among, and how to get the weights. */
export function upsamplersDocument(): string {
  const head = ['name', 'what it does', 'learned', 'any backbone', 'linear', 'ratio', 'parameters'];
  const yes = (value: boolean) => (value ? 'yes' : '-');
  const rows = upsamplers.map(each => [
    `\`${each.name}\``,
    each.description,
    yes(each.learned),
    yes(each.agnostic),
    yes(each.linear),
    typeof each.ratio === 'number' ? `x${each.ratio}` : each.ratio,
    each.learned ? thousands(parameterCount(each)) : '-',
  ]);
  return [introduction, `${table(head, rows)}\n`, ...handWritten, published(), methods()].join('\n');
}

const parameterCount = (upsampler: Upsampler): number =>
  upsamplerParameters(upsampler, COUNTED).reduce((sum, { shape }) => sum + count(shape), 0);

const thousands = (value: number): string => value.toLocaleString('en-GB');

function published(): string {
  const official = upsamplers.flatMap(officialWeights);
  const rows = official.map(({ name, upsampler, file, note = '' }) => [
    `\`${name}\``,
    linked(file),
    upsampler.licence,
    note,
  ]);
  const without = upsamplers.filter(each => each.learned && !each.weights).map(({ name }) => `\`${name}\``);
  const untrained = upsamplers.filter(each => each.learned && !each.trainedAs).map(({ name }) => `\`${name}\``);
  return `## Official weights

None are shipped. Licences are those that the publishers state; what stands at the place itself decides.

${table(['name', 'file', 'licence', 'note'], rows)}

No weights were ever published of ${without.join(', ')}.
[Training](upsampler-training.md) makes those of all others than ${untrained.join(', ')}.
`;
}

function linked(file: PublishedFile): string {
  if ('hub' in file) return `[${file.hub}](https://huggingface.co/${file.hub}), ${file.name}`;
  return 'url' in file ? `[${fileName(file)}](${file.url})` : `${file.name}: [by hand](${file.page})`;
}

function methods(): string {
  const rows = upsamplers.map(({ name, source }) => [`\`${name}\``, source]);
  return `## Sources

${table(['name', 'paper or code it follows'], rows)}
`;
}

/** A Markdown table with its columns aligned. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map(row => row[i].length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
