import { describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.ts';
import { configDifferences } from '../config-differences.ts';
import { presets } from '../presets.ts';
import { planTarget, publishedConfig, scaledEntries, stepsOf } from './jobs.ts';
import type { Asked } from './set-up.ts';
import { findTarget, targets } from './targets.ts';

const paper = presets.find(({ name }) => name === 'paper')!.config;
const asked: Asked = {
  upsamplerWeights: {},
  set: [],
  backbone: 'mobilesam',
  train: 'synthetic:9',
  datasets: ['synthetic:2'],
};

/** What each variant of a target changes in the preset `paper`, beside upsamplers. */
const changes = (name: string) =>
  findTarget(name).variants.map(variant =>
    Object.fromEntries(
      configDifferences(paper, publishedConfig(findTarget(name), variant))
        .filter(({ path }) => path !== 'upsamplers')
        .map(({ path, second }) => [path, second]),
    ),
  );

describe('configurations', () => {
  it('differ from the preset "paper" exactly in what the paper varied', () => {
    expect(changes('table1')).toEqual([{ neck: 'simple-fpn' }, { neck: 'upsampler-fpn' }]);
    const table2 = { backbone: 'vit-s16@key', 'training.batch': 16 };
    expect(changes('table2')).toEqual(['linear', 'simple-conv', 'conv'].map(head => ({ ...table2, head })));
    expect(changes('table3')).toEqual([{ 'training.batch': 16 }, { 'training.batch': 16 }]);
    const late = { clickEncoder: 'simple-vit', injection: 'late' };
    expect(changes('main')).toEqual([{}, late]);
    expect(changes('fig2')).toEqual([{}]);
    expect(changes('fig3')).toEqual([late]);
    const matched = ['conv', 'conv-dilated', 'conv-multi-dilation', 'conv-context'];
    expect(changes('fair')).toEqual(matched.map(head => ({ head })));
  });

  it('have every published number beside an upsampler that is run', () => {
    for (const { variants } of targets) {
      for (const { published, upsamplers } of variants) {
        for (const name of Object.keys(published)) expect(upsamplers).toContain(name);
      }
    }
  });

  it('are the published ones at scale 1', () => {
    expect(scaledEntries(1, 8)).toEqual({ training: {}, evaluation: {} });
    const target = findTarget('main');
    const full = planTarget(target, { ...asked, scale: 1, backbone: 'dinov2-s14', train: 'sbd:data/SBD' }, 'out');
    for (const { config, variant } of full.jobs) {
      const other = configDifferences(publishedConfig(target, variant), config).map(({ path }) => path);
      expect(other.filter(path => path !== 'upsamplers').sort()).toEqual([
        'evaluation.datasets',
        'evaluation.targetIou',
        'report.examples',
        'report.features',
      ]);
    }
    expect(stepsOf(publishedConfig(target, target.variants[0]), 8498)).toBe(20 * 1062);
  });

  it('have fewer, larger steps at a smaller scale', () => {
    expect(scaledEntries(0.01, 8)).toEqual({
      training: { epochLength: 85, learningRate: 5e-4 },
      evaluation: { limit: 29 },
    });
    expect(scaledEntries(1e-6, 8)).toEqual({
      ...{ headWidth: 64, neckWidth: 32 },
      training: { epochLength: 8, learningRate: 1e-3 },
      evaluation: { limit: 10, flip: false },
    });
  });
});

describe('planTarget', () => {
  it('leaves out learned upsamplers whose weights are not here, and says why', () => {
    const { jobs, leftOut } = planTarget(findTarget('main'), asked, 'out');
    expect(jobs.map(({ config, out }) => [out, config.upsamplers])).toEqual([
      ['out/early', ['none', 'bilinear']],
      ['out/late', ['none', 'bilinear']],
    ]);
    expect(leftOut.map(({ upsampler }) => upsampler)).toEqual(['lift', 'featup', 'loftup']);
    for (const { reason } of leftOut) expect(reason).toContain('mobilesam');
  });

  it('makes parts with the probe that a multi-granular one starts from', () => {
    const { jobs } = planTarget(findTarget('table3'), { ...asked, scale: 0.01 }, 'out');
    expect(jobs.map(({ parts }) => parts?.from)).toEqual([undefined, 'out/probe']);
    expect(jobs[1].parts?.source).toEqual({ spec: 'synthetic:9', seed: 0, split: 'train', limit: 85 });
    expect(jobs[1].config.training.data).toBe('granular:out/parts');
    expect(jobs[1].config.granularity).toMatchObject({ from: 'out/probe', oracle: [0.9] });
  });

  it('takes what is asked for', () => {
    const more = { ...asked, upsamplers: ['none', 'jbu'], set: ['training.size=64'], seed: 3 };
    const [{ config }] = planTarget(findTarget('fair'), more, 'out').jobs;
    expect([config.upsamplers, config.training.size, config.seed]).toEqual([['none', 'jbu'], 64, 3]);
    // its pyramid uses none
    expect(planTarget(findTarget('table1'), more, 'out').jobs.map(job => job.config.upsamplers)).toEqual([
      ['none'],
      ['none', 'jbu'],
    ]);
  });

  it('refuses what cannot be', () => {
    const plan = (more: Partial<Asked>) => () => planTarget(findTarget('main'), { ...asked, ...more }, 'out');
    for (const scale of [0, -1, 1.1, Number.NaN]) expect(plan({ scale })).toThrow(UserError);
    expect(plan({ upsamplers: ['bilinaer'] })).toThrow(/bilinear/);
    expect(plan({ upsamplerWeights: { lift: 'a' }, upsamplers: ['none'] })).toThrow(/does not run lift/);
    expect(() => findTarget('tabel1')).toThrow(/table1/);
  });
});
