import type { ProbabilityMap, RgbImage } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';
import { granularityRow } from '../granularity/table.ts';
import type { Program } from '../runtime/program.ts';
import type { ClickModel } from './model.ts';
import { InteractiveSession, type SessionOptions } from './session.ts';

/** What a network that takes a granularity is given: the row of its table, which the sessions of a model share. */
interface GranularityInput {
  row: number;
}

/** A compiled probe that is fed its granularity beside everything else. */
export function withGranularity(program: Program, input: GranularityInput, batch: number): Program {
  return {
    run: (group, feeds) => program.run(group, { ...feeds, granularity: new Float32Array(batch).fill(input.row) }),
    release: () => program.release(),
  };
}

/** A session whose clicks mean objects of a granularity, which may be changed at any time. */
export class GranularSession extends InteractiveSession {
  /** From the smallest parts, .1, to whole objects, 1. */
  granularity = 1;

  constructor(
    model: ClickModel,
    image: RgbImage,
    options: SessionOptions,
    private readonly input: GranularityInput,
  ) {
    super(model, image, options);
  }

  override click(click: Click): Promise<ProbabilityMap> {
    this.input.row = granularityRow(this.granularity);
    return super.click(click);
  }
}
