import { suggest, UserError } from '../base/errors.ts';
import { padSize } from './crop.ts';
import type { SessionOptions } from './session.ts';
import { type Size, type ZoomIn, zoomIn } from './zoom.ts';

interface EvaluationMode {
  /** How the mode is written; N, H and W stand for pixels. */
  forms: readonly string[];
  description: string;
  source: string;
  /** What crops are resized to (see `ZoomIn.targetSize`); `written`: the size in the mode's name; null: never. */
  target: Size | number | 'written' | null;
  /** The same for DAVIS, where it differs. */
  davis?: Size | number;
  /** Beside the target; these hold whatever the configuration says. */
  zoom: Partial<ZoomIn>;
}

/** How the network gets to see a picture: the evaluation modes of the field, by the word they begin with. */
export const evaluationModes = {
  fixed: {
    forms: ['fixedN', 'fixedH,W'],
    description: 'zoom-in; every crop, the first the whole picture, is resized to N x N px',
    source: 'fixed224 is the mode of arXiv 2505.02075',
    target: 'written',
    zoom: { skipClicks: -1 },
  },
  whole: {
    forms: ['wholeN', 'wholeH,W'],
    description: 'the whole picture, resized to N x N px, at every click',
    source: 'fixedN without the zoom-in',
    target: 'written',
    // nothing counts as found, so that there is nothing to zoom in on
    zoom: { skipClicks: -1, threshold: 1 },
  },
  cvpr: {
    forms: ['cvpr'],
    description: 'zoom-in; crops of 448 x 448 px, of DAVIS 672 x 672',
    source: 'SimpleClick (arXiv 2210.11006)',
    target: [448, 448],
    davis: [672, 672],
    zoom: { skipClicks: -1 },
  },
  ritm: {
    forms: ['ritm'],
    description:
      'first click: the whole picture at its own size; then zoom-in, the longer side of a crop 400 px, of DAVIS 600',
    source: 'RITM (arXiv 2102.06583), mode cvpr',
    target: 400,
    davis: 600,
    zoom: { skipClicks: 1 },
  },
  native: {
    forms: ['native', 'nativeN'],
    description: 'the whole picture at its own size at every click; nativeN: with a longer side of at most N px',
    source: 'no resizing between features and mask',
    target: null,
    zoom: {},
  },
} as const satisfies Record<string, EvaluationMode>;

export interface ModeSettings {
  options: Pick<SessionOptions, 'zoomIn' | 'maxSize' | 'stride'>;
  /** The network's input, where it is always the same: what to compile for ahead. Null: see `sizedClickModel`. */
  size: Size | null;
}

/**
 * What an evaluation mode means on a data set.
 *
 * @param mode such as `fixed224`, `fixed400,600`, `cvpr`, `native`
 * @param set the name of the data set; `DAVIS` differs in some modes
 * @param stride of the backbone: where it does not divide a size, the network's input is padded
 * @param changes of the zoom-in, where the mode has one
 * @throws UserError for a mode that is none
 *
 * @example
 * const { options, size } = modeSettings('fixed224', dataset.name, backbone.stride);
 * const session = new InteractiveSession(model, image, { ...options, flip: true });
 */
export function modeSettings(
  mode: string,
  set: string,
  stride: number,
  changes: Partial<Pick<ZoomIn, 'expansion' | 'minCrop' | 'recomputeIou' | 'threshold'>> = {},
): ModeSettings {
  const { record, written } = parse(mode);
  if (record.target === null) {
    return { options: { zoomIn: null, stride, ...(written && { maxSize: written[0] }) }, size: null };
  }
  const usual = record.target === 'written' ? written! : record.target;
  const target = set === 'DAVIS' && record.davis ? record.davis : usual;
  const zoom = zoomIn(target, { ...changes, ...record.zoom });
  return { options: { zoomIn: zoom, stride }, size: typeof target === 'number' ? null : padSize(target, stride) };
}

function parse(mode: string): { record: EvaluationMode; written: Size | null } {
  const [, word = '', height, width] = /^([a-z]+)(?:([1-9]\d{0,4})(?:,([1-9]\d{0,4}))?)?$/.exec(mode) ?? [];
  const records: Record<string, EvaluationMode> = evaluationModes;
  const record = Object.hasOwn(records, word) ? records[word] : undefined;
  const form = word + (width ? 'H,W' : height ? 'N' : '');
  if (!record?.forms.includes(form)) {
    const forms = Object.values(records).flatMap(({ forms }) => forms);
    throw new UserError(`unknown evaluation mode "${mode}": ${suggest(mode, forms)}; N, H and W are sizes in px`);
  }
  return { record, written: height ? [Number(height), Number(width ?? height)] : null };
}
