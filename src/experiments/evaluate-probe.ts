import { existsSync, readFileSync } from 'node:fs';
import type { Weights } from '../backbones/types.ts';
import { UserError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import type { RgbImage } from '../base/raster.ts';
import type { Dataset } from '../datasets/types.ts';
import { evaluateDataset, type ObjectCurve } from '../evaluation/evaluate.ts';
import { probeClickModel } from '../interaction/probe-model.ts';
import { InteractiveSession } from '../interaction/session.ts';
import { zoomIn } from '../interaction/zoom.ts';
import { buildProbe, type Probe } from '../probe/probe.ts';
import { compileInference, type Values } from '../probe/programs.ts';
import type { Config } from './config.ts';
import { frozenValues, programOptions } from './setup.ts';

/** A trained probe, ready to be clicked at. */
export interface ReadyProbe {
  session(image: RgbImage): InteractiveSession;
  release(): Promise<void>;
}

export async function readyProbe(config: Config, probe: Probe, weights: Weights, trained: Values): Promise<ReadyProbe> {
  const { size, flip, threshold, zoomIn: zoom } = config.evaluation;
  const graph = buildProbe(probe, flip ? 2 : 1, [size, size]);
  const frozen = frozenValues(graph, probe.backbone, weights);
  const program = await compileInference(graph, frozen, trained, programOptions(config));
  const model = probeClickModel(program);
  const options = { zoomIn: zoomIn([size, size], zoom), flip, clickMaps: config.clicks, threshold };
  return {
    session: image => new InteractiveSession(model, image, options),
    release: () => program.release(),
  };
}

interface CurveFile {
  complete: boolean;
  curves: ObjectCurve[];
}

/** The curves stored for a set; none where it was not evaluated yet. */
export function readCurves(path: string): CurveFile {
  if (!existsSync(path)) return { complete: false, curves: [] };
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as CurveFile;
  } catch (error) {
    throw new UserError(`${path} is damaged (${(error as Error).message}). Remove it: its objects are evaluated again`);
  }
}

const SAVE_EVERY_MS = 5000;

/**
 * Evaluates a probe on a set, storing curves as it goes; objects that are stored already are not evaluated again.
 *
 * @param onProgress first told how many samples an earlier process did, then of every object
 * @throws the signal's reason after saving, where a stop is asked for
 */
export async function evaluateProbe(
  config: Config,
  ready: ReadyProbe,
  dataset: Dataset,
  path: string,
  signal: AbortSignal,
  onProgress: (samplesDone: number, curve?: ObjectCurve) => void,
): Promise<ObjectCurve[]> {
  const earlier = readCurves(path);
  // the last sample stored may lack objects
  const samples = new Set(earlier.curves.map(({ id }) => id.slice(0, id.lastIndexOf('#'))));
  onProgress(earlier.complete ? dataset.size : Math.max(0, samples.size - 1));
  if (earlier.complete) return earlier.curves;
  const { maxClicks, targetIou, threshold } = config.evaluation;
  const curves = [...earlier.curves];
  const save = (complete: boolean) => writeFileAtomic(path, JSON.stringify({ complete, curves } satisfies CurveFile));
  let saved = performance.now();
  const options = {
    maxClicks,
    threshold,
    signal,
    finished: earlier.curves,
    ...(targetIou === null ? {} : { targetIou }),
  };
  try {
    const all = await evaluateDataset(
      dataset,
      image => ready.session(image),
      options,
      ({ curve, samplesDone }) => {
        curves.push(curve);
        onProgress(samplesDone, curve);
        if (performance.now() - saved < SAVE_EVERY_MS) return;
        save(false);
        saved = performance.now();
      },
    );
    curves.splice(0, curves.length, ...all);
  } catch (error) {
    if (signal.aborted) save(false);
    throw error;
  }
  save(true);
  return curves;
}
