import { describe, expect, it } from 'vitest';
import type { ResultRow } from '../../report/types.ts';
import type { Environment } from '../run-report.ts';
import { planTarget } from './jobs.ts';
import { type Finished, outcomeOf } from './outcome.ts';
import { reproducedHtml } from './report.ts';
import { ranksOf, reproducedMarkdown } from './table.ts';
import { findTarget } from './targets.ts';

const row = (upsampler: string, dataset: string, noc90: number, objects = 50): ResultRow => ({
  ...{
    upsampler,
    dataset,
    objects,
    noc80: 4,
    noc85: null,
    noc90,
    nof90: 1,
    iou1: 0.5,
    miou: [0.5],
    secondsPerClick: 1,
  },
  ...{ maxClicks: 20, ci: { noc80: [3, 5], noc85: null, noc90: [noc90 - 1, noc90 + 1], iou1: [0.4, 0.6] } },
});

const environment = (training: string, images: number, specs: Record<string, string>): Environment => ({
  ...{ command: 'c', versions: {}, processor: 'p', backbone: { name: 'b', sha256: 'f'.repeat(64) }, upsamplers: {} },
  training: { name: training, images },
  evaluation: Object.entries(specs).map(([name, spec]) => ({ name, spec, images: 50 })),
});

function result(target: string, backbone: string, env: Environment, rows: (variant: string) => ResultRow[]) {
  const asked = { upsamplerWeights: {}, set: [], backbone, train: 'sbd:data/SBD', datasets: ['grabcut:g'] };
  const plan = planTarget(findTarget(target), { ...asked, upsamplers: ['none', 'jbu'] }, 'out');
  const finished: Finished[] = plan.jobs.map(job => ({ job, environment: env, rows: rows(job.variant.name) }));
  return outcomeOf(plan, finished, 'clickprobe <x>');
}

const photos = environment('SBD train', 8498, { GrabCut: 'grabcut:g' });

describe('outcome', () => {
  it('sets results beside published ones of the same set, and names what differs line by line', () => {
    const { lines, setUp } = result('main', 'dinov2-s14', photos, () => [
      row('none', 'GrabCut', 9),
      row('jbu', 'GrabCut', 8, 10),
    ]);
    const early = lines.filter(({ variant }) => variant.includes('early'));
    expect(early.map(({ upsampler, ours, published }) => [upsampler, ours?.dataset, published?.set])).toEqual([
      ['none', 'GrabCut', 'grabcut'],
      ...['berkeley', 'davis', 'sbd'].map(set => ['none', undefined, set]),
      ...['bilinear', 'lift', 'featup', 'loftup'].flatMap(name =>
        ['grabcut', 'berkeley', 'davis', 'sbd'].map(set => [name, undefined, set]),
      ),
      // not published
      ['jbu', 'GrabCut', undefined],
    ]);
    expect(early[0].ours).toMatchObject({ values: { noc85: null, noc90: 9, iou1: 50 }, intervals: { iou1: [40, 60] } });
    const letters = new Map(setUp.map(({ what, letter }) => [what, letter]));
    expect(early[0].differs).not.toContain(letters.get('test sets'));
    expect(early[0].differs).not.toContain(letters.get('backbone'));
    expect(early[0].differs).not.toContain(letters.get('training set'));
    expect(early[0].differs).toContain(letters.get('training steps'));
    expect(setUp.find(({ what }) => what === 'training steps')?.published).toBe('21,240 of 8 images in 20 epochs');
    expect(setUp.find(({ what }) => what === 'else')).toMatchObject({
      ours: 'headWidth 64, neckWidth 32, evaluation.flip false',
      published: 'headWidth null, neckWidth 128, evaluation.flip true',
    });
  });

  it('does not take part of a set, or another one, for the same', () => {
    const part = result('main', 'mobilesam', photos, () => [row('none', 'GrabCut', 9, 10)]);
    expect(part.lines[0].differs).toEqual(expect.arrayContaining(['a', 'f']));
    const drawn = environment('synthetic', 9, { drawn: 'synthetic:9' });
    const other = result('main', 'mobilesam', drawn, () => [row('none', 'drawn', 9)]);
    expect(other.lines[0]).toMatchObject({ ours: { dataset: 'drawn' }, published: { set: 'grabcut' } });
    expect(other.lines[0].differs).toContain('f');
  });

  it('is a table that says so', () => {
    const outcome = result('main', 'mobilesam', photos, () => [row('none', 'GrabCut', 9, 10)]);
    const text = reproducedMarkdown(outcome, false);
    const [first] = text.split('\n').filter(line => line.includes('GrabCut (10)'));
    expect(first).toMatch(/\| none +\| GrabCut \(10\) +\| grabcut +\| 9\.00 \[8\.00, 10\.00\] \| +10\.50 \|/);
    expect(first).toMatch(/a .*f/);
    expect(text).toContain('left out: loftup (');
    expect(text).toMatch(/\| a +\| backbone +\| mobilesam, weights ffffffff +\| dinov2-s14 +\| differs \|/);
    const lengths = text.split('\n\n').map(
      block =>
        new Set(
          block
            .split('\n')
            .filter(line => line.startsWith('|'))
            .map(line => line.length),
        ).size,
    );
    expect(Math.max(...lengths)).toBe(1);
    const html = reproducedHtml(outcome, false, [], ['early']);
    expect(html).toContain('clickprobe &lt;x&gt;');
    expect(html).toContain('href="early/report.html"');
  });

  it('ranks upsamplers with each head', () => {
    const noc = { conv: [9, 10], 'conv-dilated': [9, 8], 'conv-multi-dilation': [9, 9], 'conv-context': [12, 11] };
    const outcome = result('fair', 'mobilesam', photos, variant => {
      const [none, jbu] = noc[variant as keyof typeof noc];
      return [row('none', 'GrabCut', none), row('jbu', 'GrabCut', jbu)];
    });
    const text = reproducedMarkdown(outcome, true);
    const ranks = (name: string) =>
      text
        .split('\n')
        .filter(line => line.startsWith(`| ${name} `))
        .at(1)!
        .match(/#\d/g);
    expect(ranks('none')).toEqual(['#1', '#2', '#1', '#2']);
    expect(ranks('jbu')).toEqual(['#2', '#1', '#1', '#1']);
    expect(ranksOf([3, null, 1, 3], true)).toEqual([2, null, 1, 2]);
    expect(ranksOf([3, 5], false)).toEqual([2, 1]);
  });
});
