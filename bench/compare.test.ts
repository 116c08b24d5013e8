import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Comparison, compare, compareAll, summarise, table } from './compare.ts';
import { median, type Sample } from './sample.ts';

/** Gives the samples in turn, and notes each call. */
function side(name: string, seconds: readonly (number | Error)[], calls: string[]): () => Promise<Sample> {
  const left = [...seconds];
  return async () => {
    calls.push(name);
    const next = left.shift()!;
    if (next instanceof Error) throw next;
    return { seconds: next, peakMb: Math.round(100 * next) };
  };
}

describe('compare', () => {
  it('lets the sides take turns and gives medians, the ratio and the largest peaks', async () => {
    const calls: string[] = [];
    const said: string[] = [];
    const result = await compare('head', 3, {
      ours: side('ours', [0.5, 2, 0.4], calls),
      torch: side('torch', [1.5, 1, 9], calls),
      progress: message => said.push(message),
    });
    expect(calls).toEqual(['ours', 'torch', 'ours', 'torch', 'ours', 'torch']);
    expect(said).toHaveLength(6);
    expect(result).toEqual({
      what: 'head',
      ours_s: 0.5,
      torch_s: 1.5,
      ratio: 3,
      ours_peak_mb: 200,
      torch_peak_mb: 900,
    });
  });

  it('gives only our time where there is no peer', async () => {
    const calls: string[] = [];
    const result = await compare('train', 2, { ours: side('ours', [1, 2], calls), torch: null, progress: () => {} });
    expect(calls).toEqual(['ours', 'ours']);
    expect(result).toMatchObject({ ours_s: 1.5, torch_s: null, ratio: null, torch_peak_mb: null });
  });

  it('drops a peer that fails half-way, says so, and measures on', async () => {
    const calls: string[] = [];
    const said: string[] = [];
    const result = await compare('click', 3, {
      ours: side('ours', [1, 1, 1], calls),
      torch: side('torch', [2, new Error('out of memory')], calls),
      progress: message => said.push(message),
    });
    expect(calls).toEqual(['ours', 'torch', 'ours', 'torch', 'ours']);
    expect(result).toMatchObject({ ours_s: 1, torch_s: null, ratio: null, torch_peak_mb: null });
    expect(said.join('\n')).toMatch(/round 2 of 3: THE PEER FAILED.*\n?.*out of memory/s);
  });
});

describe('compareAll', () => {
  it('keeps what the others measured where a workload of ours fails, and names it', async () => {
    const calls: string[] = [];
    const said: string[] = [];
    const results: Comparison[] = [];
    const seconds: Record<string, (number | Error)[]> = {
      head: [1, 1],
      broken: [1, new Error('no room')],
      click: [2, 2],
    };
    const failed = await compareAll(
      Object.keys(seconds),
      2,
      name => ({ ours: side(name, seconds[name], calls), torch: null, progress: message => said.push(message) }),
      result => results.push(result),
    );
    expect(calls).toEqual(['head', 'head', 'broken', 'broken', 'click', 'click']);
    expect(results.map(({ what, ours_s }) => [what, ours_s])).toEqual([
      ['head', 1],
      ['click', 2],
    ]);
    expect(failed).toEqual(['broken']);
    expect(said.join('\n')).toMatch(/broken: FAILED.*\n?.*no room/s);
  });
});

it('the ratio is that of the printed seconds', () => {
  const seconds = fc.double({ min: 0.001, max: 100, noNaN: true });
  const property = fc.property(seconds, seconds, (a, b) => {
    const { ours_s, torch_s, ratio } = summarise('x', [{ seconds: a, peakMb: 1 }], [{ seconds: b, peakMb: 1 }]);
    expect(Math.abs(ratio! - torch_s! / ours_s)).toBeLessThan(0.00051);
  });
  fc.assert(property);
});

describe('median', () => {
  it.each([
    [[3], 3],
    [[3, 1, 2], 2],
    [[10, 2, 4, 3], 3.5],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });
});

it('the table aligns its columns and shows what is missing as a dash', () => {
  const text = table([
    summarise('head', [{ seconds: 0.5, peakMb: 812 }], [{ seconds: 1.5, peakMb: 545 }]),
    summarise('later-click', [{ seconds: 0.02, peakMb: 90 }], []),
  ]);
  expect(text.split('\n')).toEqual([
    'workload     ours s  torch s  ratio  ours MB  torch MB',
    'head          0.500    1.500   3.00      812       545',
    'later-click   0.020        –      –       90         –',
  ]);
});
