import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { heads } from '../heads/heads.ts';
import { necks } from '../necks/necks.ts';
import { injections } from '../probe/probe.ts';
import { resolveConfig } from './resolve-config.ts';
import { makeProbes } from './setup.ts';

const probes = (overrides: Record<string, unknown>) =>
  makeProbes(resolveConfig({ preset: 'paper', overrides: { upsamplers: ['none', 'bilinear'], ...overrides } }));
const first = (overrides: Record<string, unknown>) => [...probes(overrides).values()][0];

describe('the architecture that a configuration asks for', () => {
  it('is one map and the conv head by default, as wide as the features', () => {
    const { head, headWidth, multiScale } = first({});
    expect([head.name, headWidth, multiScale]).toEqual(['conv', 384, undefined]);
  });

  it.each(necks.map(({ name }) => name))(
    'with the neck %s its maps and SegFormer by default, of the paper’s widths',
    neck => {
      const { head, headWidth, multiScale } = first({ neck, upsamplers: ['none'] });
      expect([head.name, headWidth, multiScale?.neck.name, multiScale?.width]).toEqual(['segformer', 256, neck, 128]);
    },
  );

  it('is narrow in quick, and as wide as named', () => {
    const quick = resolveConfig({ preset: 'quick', set: ['neck=upsampler-fpn'] });
    const narrow = [...makeProbes(quick).values()][0];
    expect([narrow.multiScale?.width, narrow.headWidth]).toEqual([32, 32]);
    const named = first({ neck: 'upsampler-fpn', neckWidth: 8, headWidth: 16, head: 'simpleclick-x2' });
    expect([named.multiScale?.width, named.headWidth, named.head.name]).toEqual([8, 16, 'simpleclick-x2']);
  });

  it('may have any head on one map, any injection, both click encoders', () => {
    for (const { name } of heads) expect(first({ head: name }).head.name).toBe(name);
    for (const injection of injections) {
      for (const clickEncoder of ['patch-embed', 'simple-vit']) {
        const probe = first({ injection, clickEncoder });
        expect([probe.injection, probe.clickEncoder.name]).toEqual([injection, clickEncoder]);
      }
    }
  });

  it.each([
    [
      { neck: 'upsampler-fpn', head: 'conv' },
      /upsampler-fpn gives several maps, the head conv looks at one.*segformer/,
    ],
    [{ neck: 'simple-fpn', upsamplers: ['none', 'bilinear'] }, /none of the upsamplers bilinear.*--upsamplers none/],
    [{ neck: 'upsampler-fpm' }, /unknown neck "upsampler-fpm".*upsampler-fpn/],
    [{ head: 'conv-dilatd' }, /unknown head "conv-dilatd".*conv-dilated/],
    [{ injection: 'later' }, /injection.*late-upsampled/s],
  ])('refuses %j', (overrides, message) => {
    const build = () => probes(overrides);
    expect(build).toThrow(UserError);
    expect(build).toThrow(message);
  });
});
