import { suggest, UserError } from '../../base/errors.ts';
import { granular, heads, main, multiScale, type PublishedScores, type PublishedSet } from './published.ts';

/** What is varied: entries that replace those of the preset `paper`. */
type Change = { [entry: string]: unknown };

/** One bench: a configuration with some upsamplers. */
export interface Variant {
  /** Name of its folder. */
  name: string;
  /** What the table calls it. */
  title: string;
  change: Change;
  upsamplers: readonly string[];
  /** What was published of it, by upsampler. */
  published: Readonly<Record<string, PublishedScores>>;
  /** The variant whose trained probes a multi-granular one starts from. */
  from?: string;
}

export interface Target {
  name: string;
  title: string;
  /** Where the published numbers are from. */
  source: string;
  /** How the result is shown: numbers, ranks with each head, pictures of features, pictures of masks. */
  shows: 'numbers' | 'ranking' | 'features' | 'masks';
  backbone: string;
  sets: readonly PublishedSet[];
  variants: readonly Variant[];
  /** Share of data and steps that ends within half an hour on two cores. */
  scale: number;
  /** What to know when reading it. */
  notes: readonly string[];
}

const paper = 'arXiv 2505.02075';
const upsamplers = ['none', 'bilinear', 'lift', 'featup', 'loftup'];
const early = { clickEncoder: 'patch-embed', injection: 'early' };
const late = { clickEncoder: 'simple-vit', injection: 'late' };
const featup = 'The released code runs FeatUp without the norm that its checkpoints expect; featup here has it.';

const earlyVariant: Variant = {
  ...{ name: 'early', title: 'patch embedding, early', change: early },
  ...{ upsamplers, published: main.early },
};
const lateVariant: Variant = {
  ...{ name: 'late', title: 'simple ViT, late', change: late },
  ...{ upsamplers, published: main.late },
};

/** A head in the ablation of heads. */
const headVariant = (head: string, published: PublishedScores): Variant => ({
  ...{ name: head, title: `head ${head}`, change: { ...early, head, training: { batch: 16 } } },
  ...{ upsamplers: ['none'], published: { none: published } },
});

/** A head in the comparison with matched receptive fields, beyond the paper. */
const fairVariant = (head: string): Variant => ({
  ...{ name: head, title: `head ${head}`, change: { ...early, head } },
  ...{ upsamplers: ['none', 'bilinear', 'jbu', 'lift', 'featup', 'loftup'] },
  published: head === 'conv' ? main.early : {},
});

const granularPublished = {
  probe: { none: granular.none, featup: granular.featup },
  granular: { none: granular.noneGranular, featup: granular.featupGranular },
};
const batch16 = { ...early, training: { batch: 16 } };

/** Everything that can be reproduced. */
export const targets: readonly Target[] = [
  {
    name: 'table1',
    title: 'Multi-scale: ways to a feature pyramid',
    source: `${paper}, supplementary table 1`,
    ...{ shows: 'numbers', backbone: 'dinov2-s14', sets: ['grabcut', 'berkeley', 'davis'], scale: 0.006 },
    variants: [
      {
        ...{ name: 'simple-fpn', title: 'SimpleClick FPN', change: { ...early, neck: 'simple-fpn' } },
        ...{ upsamplers: ['none'], published: { none: multiScale.simpleFpn } },
      },
      {
        ...{ name: 'upsampler-fpn', title: 'upsampler-based FPN', change: { ...early, neck: 'upsampler-fpn' } },
        ...{ upsamplers: ['bilinear', 'loftup'] },
        published: { bilinear: multiScale.bilinear, loftup: multiScale.loftup },
      },
    ],
    notes: ['The published LoftUp of this table was not its final version.'],
  },
  {
    name: 'table2',
    title: 'Heads',
    source: `${paper}, supplementary table 2`,
    ...{ shows: 'numbers', backbone: 'vit-s16@key', sets: ['grabcut'], scale: 0.012 },
    variants: [
      headVariant('linear', heads.linear),
      headVariant('simple-conv', heads.simpleConv),
      headVariant('conv', heads.conv),
    ],
    notes: [],
  },
  {
    name: 'table3',
    title: 'Multi-granular probes',
    source: `${paper}, supplementary table 3`,
    ...{ shows: 'numbers', backbone: 'dinov2-s14', sets: ['grabcut'], scale: 0.008 },
    variants: [
      {
        ...{ name: 'probe', title: 'probe', change: batch16 },
        ...{ upsamplers: ['none', 'featup'], published: granularPublished.probe },
      },
      {
        ...{ name: 'granular', title: 'probe + granularity', change: batch16, from: 'probe' },
        ...{ upsamplers: ['none', 'featup'], published: granularPublished.granular },
      },
    ],
    notes: [
      'Published multi-granular rows stand beside the oracle (sets named _oracle-90): of ten sessions, one per ' +
        'granularity, the best counts, which no user can choose beforehand. Sets without that name are clicked with ' +
        'granularity 1, whole objects. Do not compare oracle rows with others.',
      featup,
    ],
  },
  {
    name: 'main',
    title: 'Upsamplers, with two ways to inject clicks',
    source: `${paper}, main table (second-hand: a reader's notes)`,
    ...{ shows: 'numbers', backbone: 'dinov2-s14', sets: ['grabcut', 'berkeley', 'davis', 'sbd'] },
    ...{ scale: 0.005, variants: [earlyVariant, lateVariant] },
    notes: [
      featup,
      "Late is the released code's: clicks are added before the upsampler. The paper's text has them after it " +
        '(clickprobe bench --injection late-upsampled).',
    ],
  },
  {
    name: 'fair',
    title: 'Upsamplers with matched receptive fields (not in the paper)',
    source: `${paper}, main table, patch embedding, early; the matched heads are ours`,
    ...{ shows: 'ranking', backbone: 'dinov2-s14', sets: ['grabcut', 'berkeley', 'davis', 'sbd'] },
    scale: 0.001,
    variants: ['conv', 'conv-dilated', 'conv-multi-dilation', 'conv-context'].map(fairVariant),
    notes: [
      'The conv head sees 5 px of upsampled features but 5 cells of the low-res grid (70 px at a stride of 14, 80 at ' +
        '16). The other heads see about as far in both; on the grid conv-dilated and conv-multi-dilation are conv.',
      featup,
    ],
  },
  {
    name: 'fig1',
    title: 'Features after each upsampler (PCA); the green dot is the first click',
    source: `${paper}, pictures of features`,
    ...{ shows: 'features', backbone: 'dinov2-s14', sets: ['grabcut'], scale: 0.001 },
    variants: [{ ...earlyVariant, published: {} }],
    notes: ['Features of the frozen backbone and upsampler, before any click enters: nothing is trained for them.'],
  },
  {
    name: 'fig2',
    title: 'Masks after the first and the third click: patch embedding, early',
    source: `${paper}, pictures of masks`,
    ...{ shows: 'masks', backbone: 'dinov2-s14', sets: ['grabcut'], scale: 0.004 },
    variants: [earlyVariant],
    notes: [featup],
  },
  {
    name: 'fig3',
    title: 'Masks after the first and the third click: simple ViT, late',
    source: `${paper}, pictures of masks`,
    ...{ shows: 'masks', backbone: 'dinov2-s14', sets: ['grabcut'], scale: 0.004 },
    variants: [lateVariant],
    notes: [featup],
  },
];

/** @throws UserError for an unknown name */
export function findTarget(name: string): Target {
  const found = targets.find(target => target.name === name);
  if (found) return found;
  const names = targets.map(target => target.name);
  throw new UserError(`unknown target "${name}": ${suggest(name, names)}`);
}
