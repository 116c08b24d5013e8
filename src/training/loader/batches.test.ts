import { describe, expect, it } from 'vitest';
import { PAPER_SAMPLER } from '../sampler.ts';
import type { TrainingSample } from '../samples.ts';
import { Batches } from './batches.ts';
import type { SampleLoader } from './loader.ts';

const sample = {
  seed: 0,
  stream: 'train',
  augment: null,
  sampler: PAPER_SAMPLER,
  minArea: 1,
  keepBackground: 0,
} as const;

/** A loader that notes what it is asked for; draws from step `broken` on fail. */
function noting(ahead: number, broken = Infinity) {
  const asked: string[] = [];
  const loader: SampleLoader = {
    ahead,
    draw: async ({ step, slot }) => {
      asked.push(`${step}.${slot}`);
      if (step >= broken) throw new Error(`step ${step} is damaged`);
      return { id: `${step}.${slot}` } as TrainingSample;
    },
    close: async () => undefined,
  };
  return { loader, asked };
}

const ids = (samples: TrainingSample[]) => samples.map(({ id }) => id);

describe('Batches', () => {
  it('hands out every step, in the order of its slots', async () => {
    const { loader } = noting(2);
    const batches = new Batches(loader, { batch: 2, first: 3, end: 6, sample });
    for (const step of [3, 4, 5]) expect(ids(await batches.take(step))).toEqual([`${step}.0`, `${step}.1`]);
  });

  it('draws so far ahead and no further, and nothing twice or past the end', async () => {
    const { loader, asked } = noting(2);
    const batches = new Batches(loader, { batch: 2, first: 1, end: 5, sample });
    const stepsAsked = () => asked.length / 2;
    expect(stepsAsked()).toBe(2);
    const counts = [];
    for (const step of [1, 2, 3, 4]) {
      await batches.take(step);
      counts.push(stepsAsked());
    }
    expect(counts).toEqual([3, 4, 4, 4]);
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked.at(-1)).toBe('4.1');
  });

  it('draws nothing before it is asked for where drawing takes the own time', async () => {
    const { loader, asked } = noting(0);
    const batches = new Batches(loader, { batch: 1, first: 0, end: 9, sample });
    expect(asked).toEqual([]);
    await batches.take(0);
    expect(asked).toEqual(['0.0']);
    await batches.take(1);
    expect(asked).toEqual(['0.0', '1.0']);
  });

  it('keeps an error for the step that needs the samples', async () => {
    const { loader } = noting(2, 2);
    const batches = new Batches(loader, { batch: 1, first: 0, end: 9, sample });
    await batches.take(0);
    // the failed draws are there by now, and nobody waits for them
    await new Promise(resolve => setTimeout(resolve, 5));
    await batches.take(1);
    await expect(batches.take(2)).rejects.toThrow('step 2 is damaged');
  });
});
