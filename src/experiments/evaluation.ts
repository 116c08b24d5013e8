import { existsSync, readFileSync } from 'node:fs';
import { UserError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { boundaryIou } from '../evaluation/boundary.ts';
import { evaluateDataset, type ObjectCurve } from '../evaluation/evaluate.ts';
import { granularityOracle } from '../evaluation/oracle.ts';
import type { Clickable } from './clickables.ts';
import type { Config } from './config.ts';
import type { TestSet } from './test-sets.ts';

interface CurveFile {
  complete: boolean;
  curves: ObjectCurve[];
}

/** The curves stored for a set; none where it was not evaluated yet. */
export function readCurves(path: string): CurveFile {
  if (!existsSync(path)) return { complete: false, curves: [] };
  try {
    const { complete, curves } = JSON.parse(readFileSync(path, 'utf8')) as CurveFile;
    // JSON has no NaN, which the original's IoU of nothing is
    return { complete, curves: curves.map(curve => ({ ...curve, ious: curve.ious.map(iou => iou ?? Number.NaN) })) };
  } catch (error) {
    throw new UserError(`${path} is damaged (${(error as Error).message}). Remove it: its objects are evaluated again`);
  }
}

const SAVE_EVERY_MS = 5000;

/**
 * Evaluates on a set, storing curves as it goes; objects that are stored already are not evaluated again.
 *
 * @param open called when the first session is needed, which is never where all curves are stored
 * @param onProgress first told how many samples an earlier process did, then of every object
 * @throws the signal's reason after saving, where a stop is asked for
 */
export async function evaluateOn(
  config: Config,
  { dataset, clickers, oracle }: TestSet,
  open: Clickable['open'],
  path: string,
  signal: AbortSignal,
  onProgress: (samplesDone: number, curve?: ObjectCurve) => void,
): Promise<ObjectCurve[]> {
  const earlier = readCurves(path);
  // the last sample stored may lack objects
  const samples = new Set(earlier.curves.map(({ id }) => id.slice(0, id.lastIndexOf('#'))));
  onProgress(earlier.complete ? dataset.size : Math.max(0, samples.size - 1));
  if (earlier.complete) return earlier.curves;
  const { maxClicks, targetIou, threshold, boundary, quirks } = config.evaluation;
  const curves = [...earlier.curves];
  const save = (complete: boolean) => writeFileAtomic(path, JSON.stringify({ complete, curves } satisfies CurveFile));
  let saved = performance.now();
  const options = {
    maxClicks,
    threshold,
    signal,
    clickers,
    finished: earlier.curves,
    ...(oracle !== undefined && { simulate: granularityOracle(oracle) }),
    ...(targetIou !== null && { targetIou }),
    ...(boundary && { boundary: boundaryIou }),
    ...(quirks.stopByFloat64 && { stopPrecision: 'float64' as const }),
    ...(quirks.emptyIouIsNaN && { emptyIou: Number.NaN }),
  };
  try {
    const all = await evaluateDataset(dataset, await open(dataset.name), options, ({ curve, samplesDone }) => {
      curves.push(curve);
      onProgress(samplesDone, curve);
      if (performance.now() - saved < SAVE_EVERY_MS) return;
      save(false);
      saved = performance.now();
    });
    curves.splice(0, curves.length, ...all);
  } catch (error) {
    if (signal.aborted) save(false);
    throw error;
  }
  save(true);
  return curves;
}
