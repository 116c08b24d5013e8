import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { UserError } from '../base/errors.ts';
import { presets } from './presets.ts';
import { type ConfigSources, checkConfig, readYaml, resolveConfig } from './resolve-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function yaml(text: string): string {
  const path = join(folder, `${files++}.yaml`);
  writeFileSync(path, text);
  return path;
}

const preset = (name: string) => presets.find(p => p.name === name)!.config;

describe('resolveConfig', () => {
  it.each(presets.map(({ name }) => name))('gives the preset %s as it is, and leaves it as it is', name => {
    const before = structuredClone(preset(name));
    expect(resolveConfig({ preset: name })).toEqual(before);
    const changed = resolveConfig({ preset: name, set: ['training.epochs=77', 'evaluation.datasets=[a]'] });
    expect(changed.training.epochs).toBe(77);
    expect(preset(name)).toEqual(before);
  });

  it('lets file replace preset, --set replace file, options replace --set', () => {
    const entries = ['batch', 'epochs', 'maxRounds'];
    const file = yaml('training: {batch: 101, epochs: 101, maxRounds: 101}\n');
    const set = ['training.epochs=102', 'training.maxRounds=102'];
    const overrides = { training: { maxRounds: 103 } };
    const numbers = (sources: Omit<ConfigSources, 'preset'>) => {
      const { training } = resolveConfig({ preset: 'quick', ...sources });
      return entries.map(entry => training[entry as 'batch']);
    };
    const { batch, epochs, maxRounds } = preset('quick').training;
    expect(numbers({})).toEqual([batch, epochs, maxRounds]);
    expect(numbers({ file })).toEqual([101, 101, 101]);
    expect(numbers({ set })).toEqual([batch, 102, 102]);
    expect(numbers({ overrides })).toEqual([batch, epochs, 103]);
    expect(numbers({ file, set })).toEqual([101, 102, 102]);
    expect(numbers({ file, set, overrides })).toEqual([101, 102, 103]);
  });

  it('changes only what is named', () => {
    const file = yaml('seed: 5\nevaluation:\n  zoomIn: {minCrop: 64}\n');
    const quick = preset('quick');
    const { evaluation } = quick;
    expect(resolveConfig({ preset: 'quick', file })).toEqual({
      ...quick,
      seed: 5,
      evaluation: { ...evaluation, zoomIn: { ...evaluation.zoomIn, minCrop: 64 } },
    });
  });

  it('takes the last of two assignments, values in YAML, lists whole', () => {
    const set = [
      'seed=1',
      'seed=2',
      'evaluation.targetIou=.9',
      'weights=a=b',
      'threads=null',
      'upsamplers=[none, jbu]',
    ];
    const config = resolveConfig({ preset: 'quick', set: [...set, 'headWidth='] });
    expect(config).toMatchObject({
      seed: 2,
      weights: 'a=b',
      threads: null,
      upsamplers: ['none', 'jbu'],
      headWidth: null,
    });
    expect(config.evaluation.targetIou).toBe(0.9);
  });

  it('leaves out options that were not given', () => {
    const overrides = {
      seed: undefined,
      training: { data: undefined, epochs: 3 },
      evaluation: { datasets: undefined },
    };
    const { seed, training, evaluation } = resolveConfig({ preset: 'quick', overrides });
    const quick = preset('quick');
    expect({ seed, training, evaluation }).toEqual({
      seed: quick.seed,
      training: { ...quick.training, epochs: 3 },
      evaluation: quick.evaluation,
    });
  });

  it('takes an empty file, and one that a run has written', () => {
    expect(resolveConfig({ preset: 'quick', file: yaml('# nothing\n') })).toEqual(preset('quick'));
    expect(resolveConfig({ preset: 'quick', file: yaml(stringify(preset('paper'))) })).toEqual(preset('paper'));
  });
});

describe('what is wrong is a UserError that says where', () => {
  const cases: [string, () => Omit<ConfigSources, 'preset'> & { preset?: string }, RegExp][] = [
    ['unknown preset', () => ({ preset: 'quik' }), /unknown preset "quik": did you mean "quick"\?/],
    ['missing file', () => ({ file: join(folder, 'none.yaml') }), /cannot read the configuration .*none\.yaml/],
    ['file that is a folder', () => ({ file: folder }), /cannot read the configuration/],
    ['no YAML', () => ({ file: yaml('a: [1,\n') }), /\.yaml is not valid YAML: /],
    ['entry given twice', () => ({ file: yaml('seed: 1\nseed: 2\n') }), /not valid YAML: .*unique/s],
    ['a list', () => ({ file: yaml('- seed\n') }), /must hold entries such as "seed: 1", found \["seed"\]/],
    ['a value', () => ({ file: yaml('quick\n') }), /must hold entries such as "seed: 1", found "quick"/],
    [
      'unknown entry in the file',
      () => ({ file: yaml('training: {epoch: 3}\n') }),
      /\.yaml: unknown entry "training\.epoch": did you mean "epochs"\?/,
    ],
    ['unknown entry in --set', () => ({ set: ['sed=3'] }), /--set sed=3: unknown entry "sed": did you mean "seed"\?/],
    ['entry below a value', () => ({ set: ['seed.x=3'] }), /seed: .*number/],
    ['entry of every object', () => ({ set: ['toString=3'] }), /unknown entry "toString"/],
    ['prototype', () => ({ set: ['__proto__.seed=3'] }), /unknown entry "__proto__"/],
    ['no value', () => ({ set: ['seed'] }), /--set seed: expected path\.to\.entry=value/],
    ['no entry', () => ({ set: ['=3'] }), /--set =3: expected path\.to\.entry=value/],
    ['no YAML in --set', () => ({ set: ['upsamplers=[a'] }), /--set upsamplers=\[a: the value is not valid YAML/],
    [
      'value in place of entries',
      () => ({ set: ['report=3'] }),
      /--set report=3: "report" holds entries \(examples, features\), not a value/,
    ],
    ['nothing in place of entries', () => ({ file: yaml('report:\n') }), /"report" holds entries/],
    [
      'unknown option',
      () => ({ overrides: { training: { epoch: 1 } } }),
      /the command line: unknown entry "training\.epoch"/,
    ],
    ['wrong type', () => ({ set: ['training.gamma=many'] }), /the configuration does not fit:\n {2}training\.gamma: /],
    [
      'wrong type beside a file',
      () => ({ file: yaml(''), set: ['seed=x'] }),
      /with .*\.yaml does not fit:\n {2}seed: /,
    ],
    ['out of range', () => ({ set: ['training.alpha=1.5'] }), /training\.alpha: .*1/],
    ['not whole', () => ({ set: ['training.batch=1.5'] }), /training\.batch: .*int/],
    ['too few', () => ({ overrides: { upsamplers: [] } }), /upsamplers: /],
    ['not one of', () => ({ overrides: { device: 'gpu' } }), /device: .*"cpu"\|"webgpu"/],
    ['wrong element', () => ({ set: ['training.milestones=[1, x]'] }), /training\.milestones\.1: /],
  ];

  it.each(cases)('%s', (_, sources, message) => {
    const resolve = () => resolveConfig({ preset: 'quick', ...sources() });
    expect(resolve).toThrow(message);
    expect(resolve).toThrow(UserError);
  });

  it('all of it at once', () => {
    const set = ['seed=x', 'training.batch=0', 'evaluation.flip=3'];
    for (const entry of [/seed: /, /training\.batch: /, /evaluation\.flip: /]) {
      expect(() => resolveConfig({ preset: 'quick', set })).toThrow(entry);
    }
  });
});

describe('checkConfig', () => {
  it('refuses what is missing, surplus, or no configuration at all', () => {
    const { seed: _, ...rest } = preset('quick');
    expect(() => checkConfig(rest, 'x.yaml')).toThrow(/^x\.yaml does not fit:\n {2}seed: /);
    expect(() => checkConfig({ ...preset('quick'), color: 1 }, 'x.yaml')).toThrow(/\(top\): .*"color"/);
    expect(() => checkConfig(3, 'x.yaml')).toThrow(UserError);
  });
});

describe('readYaml', () => {
  it('gives the entries of a file', () => expect(readYaml(yaml('a: {b: [1, x]}\n'))).toEqual({ a: { b: [1, 'x'] } }));
});

describe('upsamplerWeights', () => {
  it('has entries of any name, which later sources add to', () => {
    const set = ['upsamplerWeights.anyup=a.pth', 'upsamplerWeights={naf: n.pth}'];
    const overrides = { upsamplerWeights: { anyup: 'b.pth' } };
    expect(resolveConfig({ preset: 'quick', set }).upsamplerWeights).toEqual({ anyup: 'a.pth', naf: 'n.pth' });
    expect(resolveConfig({ preset: 'quick', set, overrides }).upsamplerWeights).toEqual({
      anyup: 'b.pth',
      naf: 'n.pth',
    });
    expect(() => resolveConfig({ preset: 'quick', set: ['upsamplerWeights.anyup=3'] })).toThrow(
      /upsamplerWeights\.anyup/,
    );
  });

  it('is empty in the configurations of earlier versions', () => {
    const { upsamplerWeights: _, ...earlier } = resolveConfig({ preset: 'quick' });
    expect(checkConfig(earlier, 'config.yaml').upsamplerWeights).toEqual({});
  });
});
