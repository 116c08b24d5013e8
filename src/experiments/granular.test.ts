import { expect, it } from 'vitest';
import type { Config } from './config.ts';
import { granularityOf } from './granular.ts';
import { presets } from './presets.ts';

const granularity: Config['granularity'] = {
  from: 'runs/base',
  place: 'early',
  tableStart: 'zero',
  lora: { projections: 'qk', rank: 8, alpha: 1 },
  trainUpsampler: false,
  oracle: [],
};
const { config } = presets[0];
const trainedOn = (data: string): Config => ({ ...config, granularity, training: { ...config.training, data } });

it('multi-granular probes learn from parts with granularities alone', () => {
  expect(granularityOf(trainedOn('granular:parts'))).toMatchObject({ lora: { projections: ['q', 'k'] } });
  expect(() => granularityOf(trainedOn('sbd:data/SBD'))).toThrow(
    /^sbd:data\/SBD has objects without granularities.*granularity make sbd:data\/SBD --from runs\/base/,
  );
  expect(granularityOf({ ...trainedOn('sbd:data/SBD'), granularity: null })).toBeUndefined();
});
