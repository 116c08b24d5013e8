import { UserError } from '../base/errors.ts';
import type { RgbImage, Target } from '../base/raster.ts';
import type { Dataset } from '../datasets/types.ts';
import { type Clicker, clickRule } from '../interaction/clickers.ts';
import { type ClickSession, type Simulation, type SimulationOptions, simulateClicks } from '../interaction/simulate.ts';

/** What is stored of one evaluated object. */
export interface ObjectCurve {
  /** `<sample id>#<object index>`, unique in a data set; repetitions share it. */
  id: string;
  /** Of a random clicker; the centre clicker's curve has none. */
  repetition?: number;
  /** Of an oracle over granularities: the one that it chose. */
  granularity?: number;
  /** IoU after each click, float32 values. */
  ious: number[];
  /** Boundary IoU after each click, float32 values, where it was measured. */
  boundary?: number[];
  clicks: [x: number, y: number, positive: boolean][];
  /** Of all clicks together: finding them, the network, the IoU; without reading the picture. */
  seconds: number;
}

/** Lets a user click at an object: `simulateClicks`, or several of these of which one counts. */
export type Simulate = (
  session: ClickSession,
  target: Target,
  options: SimulationOptions,
) => Promise<Simulation & { granularity?: number }>;

export interface EvaluationOptions extends Omit<SimulationOptions, 'keepMasksAt' | 'clickRule'> {
  /** Default: `simulateClicks`. */
  simulate?: Simulate;
  /** The users who click at every object, one after the other. Default: one, who clicks the centre. */
  clickers?: readonly Clicker[];
  /** Curves of an earlier run with the same settings; what they hold is not evaluated again. */
  finished?: readonly ObjectCurve[];
  /** Which samples to evaluate, by index. Default: all. */
  samples?: readonly number[];
}

export interface EvaluationProgress {
  /** What was just evaluated: the moment to store it. */
  curve: ObjectCurve;
  /** Samples complete, the current one not included, and asked for. */
  samplesDone: number;
  samples: number;
  /** Curves so far, those of the earlier run included. */
  curvesDone: number;
}

/**
 * Simulates the user on every object of a data set, one picture in memory at a time. A stop through `signal` throws
 * its reason; whatever `onProgress` was given until then can be handed in again as `finished`.
 *
 * @param makeSession called once per picture; the session is reset between its objects
 * @returns the curves of all samples asked for, in the data set's order and an object's in that of the clickers,
 *   finished ones included
 * @throws UserError where a finished curve is not of this data set, and where two clickers cannot be told apart
 */
export async function evaluateDataset(
  dataset: Dataset,
  makeSession: (image: RgbImage) => ClickSession,
  {
    finished = [],
    samples,
    clickers = [{ kind: 'centre' }],
    simulate = simulateClicks,
    ...simulation
  }: EvaluationOptions = {},
  onProgress?: (progress: EvaluationProgress) => void | Promise<void>,
): Promise<ObjectCurve[]> {
  const indices = samples ?? Array.from({ length: dataset.size }, (_, index) => index);
  requireDistinct(clickers);
  const known = indexFinished(finished, dataset);
  const curves: ObjectCurve[] = [];
  for (const [samplesDone, index] of indices.entries()) {
    simulation.signal?.throwIfAborted();
    const sample = await dataset.load(index);
    let session: ClickSession | undefined;
    for (const [object, target] of sample.objects.entries()) {
      const id = `${sample.id}#${object}`;
      for (const clicker of clickers) {
        const earlier = known.get(curveKey(id, repetitionOf(clicker)));
        if (earlier) {
          curves.push(earlier);
          continue;
        }
        session ??= makeSession(sample.image);
        const rule = clickRule(clicker, id);
        const simulated = await simulate(session, target, { ...simulation, clickRule: rule });
        const curve = toCurve(id, repetitionOf(clicker), simulated);
        curves.push(curve);
        await onProgress?.({ curve, samplesDone, samples: indices.length, curvesDone: curves.length });
      }
    }
  }
  return curves;
}

function toCurve(id: string, repetition: number | undefined, simulation: Awaited<ReturnType<Simulate>>): ObjectCurve {
  const { ious, boundary, clicks, seconds, granularity } = simulation;
  return {
    id,
    ...(repetition !== undefined && { repetition }),
    ...(granularity !== undefined && { granularity }),
    ious: [...ious],
    ...(boundary && { boundary: [...boundary] }),
    clicks: clicks.map(({ x, y, positive }) => [x, y, positive]),
    seconds: seconds.reduce((sum, s) => sum + s, 0),
  };
}

const repetitionOf = (clicker: Clicker) => (clicker.kind === 'centre' ? undefined : clicker.repetition);

/** Of one object's curves no two have the same. */
const curveKey = (id: string, repetition: number | undefined) => `${repetition ?? 'centre'} ${id}`;

function requireDistinct(clickers: readonly Clicker[]): void {
  const keys = clickers.map(clicker => curveKey('', repetitionOf(clicker)).trim());
  const twice = keys.find((key, i) => keys.indexOf(key) !== i);
  if (twice === undefined) return;
  const what = twice === 'centre' ? 'the centre clicker' : `repetition ${twice}`;
  throw new UserError(`${what} is there twice among the clickers: its curves could not be told apart. Name it once`);
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
    known.set(curveKey(curve.id, curve.repetition), curve);
  }
  return known;
}
