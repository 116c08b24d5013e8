import type { Random } from '../../base/random.ts';
import type { Mask, ProbabilityMap, Target } from '../../base/raster.ts';
import type { Click } from '../../clicks/maps.ts';
import { roundTenth, scaleGranularity, semanticGranularity } from '../../granularity/measures.ts';
import { type InteractiveSession, thresholded } from '../../interaction/session.ts';
import { erode } from '../morphology.ts';
import { components } from './components.ts';

/** Constants of `proposeParts`. */
interface ProposalOptions {
  /** Negative clicks into the prediction: between these two numbers. */
  negatives: readonly [number, number];
  /** No further click into a prediction of fewer pixels. */
  minArea: number;
  /** Of several regions one of more pixels is kept, at random; where there is none, the largest. */
  keepArea: number;
}

/** GraCo's (`any_granularity_generator.py`). */
export const GRACO_PROPOSALS: ProposalOptions = { negatives: [2, 4], minArea: 400, keepArea: 1500 };

/** A region of an object, and how much of it that is. */
export interface PartProposal {
  /** `part`: what was segmented; `rest`: what is left of the object; `object`: the whole of it. */
  kind: 'part' | 'rest' | 'object';
  mask: Mask;
  /** See `scaleGranularity` and `semanticGranularity`. */
  scale: number;
  semantic: number;
  /** That the part was segmented with; none for a rest. */
  clicks: readonly Click[];
}

/** A fresh session on the object's picture, shown this map at its first click. */
export type OpenSession = (firstMap?: ProbabilityMap) => Pick<InteractiveSession, 'click' | 'clicks'>;

const THRESHOLD = 0.5;

/**
 * Lets a click model cut an object into parts (GraCo, arXiv 2405.00587): one positive click anywhere in the object, the
 * object itself being the previous mask, then negative clicks anywhere in what is predicted. One region of what remains
 * is the part, one region of the object without it the rest; a rest of a tenth or less is left out. A part larger than
 * the object gives way to the object, and where nothing remains the rest is the object.
 *
 * @returns at least the part or the rest; nothing for an object without a pixel
 */
export async function proposeParts(
  target: Target,
  open: OpenSession,
  options: ProposalOptions,
  random: Random,
): Promise<PartProposal[]> {
  const { width, height } = target;
  const object: Mask = { width, height, data: Uint8Array.from(target.data, label => (label === 1 ? 1 : 0)) };
  const size = area(object);
  if (size === 0) return [];
  const session = open({ width, height, data: Float32Array.from(object.data) });
  let mask = thresholded(await session.click(clickIn(object, true, random)), THRESHOLD);
  const negatives = random.integer(...options.negatives);
  for (let i = 0; i < negatives && area(mask) >= options.minArea; i++) {
    mask = thresholded(await session.click(clickIn(mask, false, random)), THRESHOLD);
  }
  const part = oneRegion(mask, options, random);

  const proposals: PartProposal[] = [];
  let covered = part;
  if (area(part) > 0) {
    const scale = scaleGranularity(area(part), size);
    const { clicks } = session;
    if (scale > 1) {
      covered = object;
      proposals.push({ kind: 'object', mask: object, scale: 1, semantic: 1, clicks });
    } else {
      const semantic = await judge(part, object, open, random);
      proposals.push({ kind: 'part', mask: part, scale, semantic, clicks });
    }
  }
  const left: Mask = { width, height, data: object.data.map((inside, i) => (inside && !covered.data[i] ? 1 : 0)) };
  const rest = oneRegion(left, options, random);
  const scale = roundTenth(area(rest) / size);
  if (scale > 0.1) {
    const semantic = await judge(rest, object, open, random);
    proposals.push({ kind: proposals.length === 0 ? 'object' : 'rest', mask: rest, scale, semantic, clicks: [] });
  }
  return proposals;
}

/** Those that differ from all before them: an IoU of `limit` or more is the same region once more. */
export function distinct(proposals: readonly PartProposal[], limit: number): PartProposal[] {
  const kept: PartProposal[] = [];
  for (const proposal of proposals) {
    if (kept.every(other => overlap(other.mask, proposal.mask) < limit)) kept.push(proposal);
  }
  return kept;
}

/** The semantic granularity, from one click inside the eroded region. */
async function judge(part: Mask, object: Mask, open: OpenSession, random: Random): Promise<number> {
  const inner = erode(part, Math.ceil(0.1 * Math.sqrt(area(part))));
  const probability = await open().click(clickIn(area(inner) > 0 ? inner : part, true, random));
  return semanticGranularity(probability, part, object);
}

function clickIn(mask: Mask, positive: boolean, random: Random): Click {
  let left = random.integer(0, area(mask) - 1);
  const i = mask.data.findIndex(inside => inside !== 0 && left-- === 0);
  return { x: i % mask.width, y: Math.floor(i / mask.width), positive };
}

function oneRegion(mask: Mask, { keepArea }: ProposalOptions, random: Random): Mask {
  const regions = components(mask);
  if (regions.length < 2) return mask;
  const large = regions.filter(({ length }) => length > keepArea);
  const chosen = large.length > 0 ? random.pick(large) : regions.reduce((a, b) => (b.length > a.length ? b : a));
  const data = new Uint8Array(mask.data.length);
  for (const i of chosen) data[i] = 1;
  return { ...mask, data };
}

const area = ({ data }: Mask): number => data.reduce((sum, inside) => sum + inside, 0);

function overlap(a: Mask, b: Mask): number {
  let [both, either] = [0, 0];
  for (let i = 0; i < a.data.length; i++) {
    both += a.data[i] & b.data[i];
    either += a.data[i] | b.data[i];
  }
  return both / either;
}
