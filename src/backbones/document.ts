import { count } from '../graph/tensor.ts';
import { backbones, families } from './registry.ts';
import type { BackboneEntry, BackboneFamily, WeightsFile } from './types.ts';

const introduction = `# Backbones

<!-- Made from src/backbones by src/backbones/document.ts: change it there, then run npx vitest run src/backbones/document.test.ts -u -->

Frozen networks whose features the probe looks at, each defined natively so that clicks can enter early and gradients can
pass. \`backbone: NAME\` in a configuration (or \`--set backbone=NAME\`) takes one; the first, \`${backbones[0].name}\`, is the default.

- **Input** is RGB of any height and width that the stride divides, normalised as the table says. A network trained at one
  size has its position embedding resized in the way that its family states.
- **Early injection** adds the encoded clicks to the patch tokens, before class token and positions; late injection adds
  them to the features.
- **Features** are the patch tokens after the last block and norm, unless the family says otherwise. \`NAME@block9\` takes the
  output of the ninth block (counted from 1; through the final norm), \`NAME@key\` the keys of the last block's attention,
  \`NAME@block9-key\` those of the ninth.
- **Weights** are a file that \`--weights FILE\` names: what the table points to on huggingface.co, or any other file of the
  same network in timm's, Hugging Face's or the original repository's names (told apart by themselves, as are prefixes such
  as \`model.\` or \`teacher.backbone.\`). Heads, decoders and text towers in the file are left alone; a tensor that is missing,
  of another shape or of another network is an error that names it.
- **Scale.** The head expects features of a standard deviation of about 1. What a family's features are multiplied by is
  said there; all others enter as they are, their scale being unmeasured here.
- **Parameters** are those that features may need, without heads.

Any other network comes as a file: \`--backbone FILE.onnx\`, see [onnx-backbones.md](onnx-backbones.md).
`;

/** docs/backbones.md: what there is to choose among, family by family. */
export function backbonesDocument(): string {
  return [introduction, ...families.map(section)].join('\n');
}

function section({ title, notes, backbones: entries }: BackboneFamily): string {
  const rows = entries.map(entry => [
    `\`${entry.name}\``,
    millions(entry),
    String(entry.stride),
    String(entry.channels),
    entry.choose ? String(entry.blocks) : 'no choice',
    fileOf(entry.file),
  ]);
  const lines = [
    `## ${title}`,
    notes,
    [
      `- **Paper.** ${unique(entries, ({ paper }) => paper).join('; ')}.`,
      `- **Licence of the weights.** ${unique(entries, ({ licence }) => licence).join('; ')}.`,
      `- **Input.** ${unique(entries, statistics).join('; ')}.`,
    ].join('\n'),
    table(['name', 'parameters', 'stride', 'channels', 'blocks', 'weights'], rows),
  ];
  return lines.map(line => `${line}\n`).join('\n');
}

function millions(entry: BackboneEntry): string {
  const total = entry.parameters().reduce((sum, { shape }) => sum + count(shape), 0);
  return `${(total / 1e6).toFixed(1)} M`;
}

function statistics({ normalisation: { mean, std } }: BackboneEntry): string {
  const numbers = (values: readonly number[]) => values.map(value => Number(value.toFixed(3))).join(', ');
  return `mean ${numbers(mean)}, standard deviation ${numbers(std)}`;
}

const fileOf = (file: WeightsFile): string =>
  'npm' in file ? `npm: ${file.npm}` : `[${file.hub}](https://huggingface.co/${file.hub}), ${file.name}`;

/** In parts of a paper list, each paper once. */
const unique = (entries: readonly BackboneEntry[], of: (entry: BackboneEntry) => string): string[] => [
  ...new Set(entries.flatMap(entry => of(entry).split('; '))),
];

/** A Markdown table with its columns aligned. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map(row => row[i].length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
