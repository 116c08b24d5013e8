import { UserError } from '../base/errors.ts';
import type { RgbImage } from '../base/raster.ts';
import type { Dataset } from '../datasets/types.ts';
import type { InteractiveSession } from '../interaction/session.ts';
import { type SimulationOptions, simulateClicks } from '../interaction/simulate.ts';

/** What is stored of one evaluated object. */
export interface ObjectCurve {
  /** `<sample id>#<object index>`, unique in a data set. */
  id: string;
  /** IoU after each click, float32 values. */
  ious: number[];
  clicks: [x: number, y: number, positive: boolean][];
  /** Of all clicks together: finding them, the network, the IoU; without reading the picture. */
  seconds: number;
}

export interface EvaluationOptions extends Omit<SimulationOptions, 'keepMasksAt'> {
  /** Curves of an earlier run with the same settings; their objects are not evaluated again. */
  finished?: readonly ObjectCurve[];
  /** Which samples to evaluate, by index. Default: all. */
  samples?: readonly number[];
}

export interface EvaluationProgress {
  /** The object just evaluated: the moment to store it. */
  curve: ObjectCurve;
  /** Samples complete, the current one not included, and asked for. */
  samplesDone: number;
  samples: number;
  /** Curves so far, those of the earlier run included. */
  objectsDone: number;
}

/**
 * Simulates the user on every object of a data set, one picture in memory at a time. A stop through `signal` throws
 * its reason; whatever `onProgress` was given until then can be handed in again as `finished`.
 *
 * @param makeSession called once per picture; the session is reset between its objects
 * @returns the curves of all samples asked for, in the data set's order, finished ones included
 * @throws UserError where a finished curve is not of this data set
 */
export async function evaluateDataset(
  dataset: Dataset,
  makeSession: (image: RgbImage) => InteractiveSession,
  { finished = [], samples, ...simulation }: EvaluationOptions = {},
  onProgress?: (progress: EvaluationProgress) => void | Promise<void>,
): Promise<ObjectCurve[]> {
  const indices = samples ?? Array.from({ length: dataset.size }, (_, index) => index);
  const known = indexFinished(finished, dataset);
  const curves: ObjectCurve[] = [];
  for (const [samplesDone, index] of indices.entries()) {
    simulation.signal?.throwIfAborted();
    const sample = await dataset.load(index);
    let session: InteractiveSession | undefined;
    for (const [object, target] of sample.objects.entries()) {
      const id = `${sample.id}#${object}`;
      const earlier = known.get(id);
      if (earlier) {
        curves.push(earlier);
        continue;
      }
      session ??= makeSession(sample.image);
      const { clicks, ious, seconds } = await simulateClicks(session, target, simulation);
      const curve: ObjectCurve = {
        id,
        ious: [...ious],
        clicks: clicks.map(({ x, y, positive }) => [x, y, positive]),
        seconds: seconds.reduce((sum, s) => sum + s, 0),
      };
      curves.push(curve);
      await onProgress?.({ curve, samplesDone, samples: indices.length, objectsDone: curves.length });
    }
  }
  return curves;
}

function indexFinished(finished: readonly ObjectCurve[], dataset: Dataset): Map<string, ObjectCurve> {
  const ids = new Set(dataset.ids);
  const known = new Map<string, ObjectCurve>();
  for (const curve of finished) {
    if (!ids.has(curve.id.slice(0, curve.id.lastIndexOf('#')))) {
      throw new UserError(
        `the finished object "${curve.id}" is not in the data set ${dataset.name}: ` +
          'resume with the data the run was started with, or start a new run',
      );
    }
    known.set(curve.id, curve);
  }
  return known;
}
