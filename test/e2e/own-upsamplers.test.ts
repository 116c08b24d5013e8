import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { PictureFiles } from '../../src/experiments/features.ts';
import { encodeSafetensors } from '../../src/weights/safetensors.ts';
import { uniform } from '../support/run.ts';
import { run, set, tinyBench } from './command.ts';

const root = join(import.meta.dirname, '../..');
// far from any node_modules
const folder = mkdtempSync(join(tmpdir(), 'clickprobe-own-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(() => cpSync(join(root, 'docs/examples'), folder, { recursive: true }));

const path = (name: string) => join(folder, name);
const readJson = (name: string) => JSON.parse(readFileSync(path(name), 'utf8'));
const small = [...set('training.size', 64), '--mode', 'fixed64'];

/** Writes a file; gives its path. */
function file(name: string, text: string | Uint8Array): string {
  writeFileSync(path(name), text);
  return path(name);
}

describe('a bench with files of one’s own', () => {
  const mine = file('again.ts', readFileSync(join(root, 'docs/examples/mine.ts')));
  const args = (upsamplers: string) => tinyBench(path('run'), '--upsamplers', upsamplers, ...small);
  const both = () => args(`none,best=${mine},${path('mine.onnx')}`);

  it('has their rows in table, results, curves and pictures, and knows which files they were', async () => {
    const { code, err, out } = await run(both());
    expect(code, err).toBe(0);
    expect(out).toMatch(/^best /m);
    expect(out).toMatch(/^mine /m);
    const rows = readJson('run/results.json');
    expect(rows.map((row: { upsampler: string }) => row.upsampler)).toEqual(['none', 'best', 'mine']);
    const { files, upsamplers } = readJson('run/environment.json');
    expect(files).toEqual({
      best: { path: mine, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      mine: { path: path('mine.onnx'), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(rows[0].file).toBeUndefined();
    for (const row of rows.slice(1)) expect(row.file).toEqual(files[row.upsampler]);
    expect(upsamplers).toEqual({ mine: { from: path('mine.onnx'), sha256: expect.any(String) } });
    expect(parse(readFileSync(path('run/config.yaml'), 'utf8')).upsamplers).toEqual([
      'none',
      `best=${mine}`,
      path('mine.onnx'),
    ]);
    const report = readFileSync(path('run/report.html'), 'utf8');
    for (const name of ['best', 'mine']) {
      expect(readdirSync(path(`run/curves/${name}`))).toHaveLength(1);
      expect(report).toContain(`Upsampler ${name}`);
      expect(report).toContain(`three principal components of ${name} features`);
    }
  });

  it('goes on with the same file alone', async () => {
    const again = await run(both());
    expect(again.code, again.err).toBe(0);
    expect(again.err).toContain('going on in');
    writeFileSync(mine, `${readFileSync(mine, 'utf8')}// changed\n`);
    const changed = await run(both());
    expect(changed.code).toBe(2);
    expect(changed.err).toMatch(/again\.ts has changed since .*run was begun: sha256 .* then, .* now\. Bring back/);
  });

  it('is compared by the names of its rows', async () => {
    const { code, err, out } = await run(['compare', path('run'), '--baseline', 'mine']);
    expect(code, err).toBe(0);
    expect(out).toMatch(/best/);
  });
});

it('features: a file beside a built-in upsampler, and weights for its parameters', async () => {
  const gate = `
    import { conv, mul, type Upsampler } from 'clickprobe';
    export default {
      weights: 'weights/gate.safetensors',
      upsample: (features, image, size, scope) =>
        mul(features, conv(image, scope.at('gate'), { out: 1, kernel: 16, stride: 16 })),
    } satisfies Upsampler;`;
  mkdirSync(path('weights'));
  const tensors = {
    'gate.weight': [1, 3, 16, 16],
    'gate.bias': [1],
  };
  const bytes = encodeSafetensors(
    new Map(Object.entries(tensors).map(([name, shape]) => [name, { shape, data: uniform(shape, -1, 1, name) }])),
  );
  file('weights/gate.safetensors', bytes);
  const names = `jbu,${path('mine.ts')},learned=${file('gate.ts', gate)}`;
  const { code, err, out } = await run([
    ...['features', 'synthetic:3', '--upsampler', names, '--size', '64', '--out', path('pictures'), '--json'],
  ]);
  expect(code, err).toBe(0);
  const { maps } = JSON.parse(out) as PictureFiles;
  expect(maps.map(({ name, width, height }) => [name, width, height])).toEqual([
    ['low-res', 4, 3],
    ['jbu', 64, 48],
    ['mine', 64, 48],
    ['learned', 4, 3],
  ]);
});

/** What opening an upsampler and asking for its weights says, in the process of a user: a line for each. */
function complaints(entries: readonly string[]): string[] {
  const program = `
    import { openUpsamplers } from ${JSON.stringify(join(root, 'dist/src/upsamplers/own/open.js'))};
    for (const entry of ${JSON.stringify(entries)}) {
      try {
        const [upsampler] = (await openUpsamplers([entry])).values();
        upsampler.load({ name: 'mobilesam', channels: 8, stride: 16 });
        console.log(JSON.stringify('none'));
      } catch (error) {
        console.log(JSON.stringify(error.name + ': ' + error.message));
      }
    }`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
}

it('says what is wrong with a file, and where', () => {
  const cases: [name: string, text: string, says: RegExp][] = [
    ['fine.mjs', 'export default function upsample(features) { return features; }', /^none$/],
    ['helped.ts', "import { same } from './helper.ts';\nexport default same;", /^none$/],
    [
      'class.mjs',
      'class U { upsample(x) { return this.same(x); } same(x) { return x; } }\nexport default new U();',
      /^none$/,
    ],
    ['syntax.ts', 'const a = 1;\nexport default (x: ) => x;', /syntax\.ts cannot be loaded: .*syntax\.ts:2:20: /],
    ['syntax.mjs', 'const a = 1;\nexport default (x => ;', /syntax\.mjs cannot be loaded: .*syntax\.mjs:2:22: /],
    ['enum.ts', '\nenum A { B }', /enum\.ts:2:1: TypeScript enum is not supported/],
    ['within.ts', "import './syntax.ts';", /within\.ts cannot be loaded: .*syntax\.ts:2:20/],
    [
      'name.ts',
      "\nimport { convv } from 'clickprobe';\nexport default convv;",
      /does not provide an export named 'convv' \(line 2\)/,
    ],
    ['package.ts', "import 'nowhere-to-be-found';", /Cannot find package 'nowhere-to-be-found'/],
    ['throws.ts', '\n\nthrow new Error("no luck");', /throws\.ts cannot be loaded: no luck \(line 3\)/],
    ['named.ts', 'export const upsample = 1;', /named\.ts has no default export: expected `export default`/],
    ['number.ts', 'export default 3;', /the default export of .*number\.ts is no upsampler:\n {2}default: /],
    ['without.ts', 'export default { linear: true };', /upsample: expected a function/],
    ['misspelt.ts', 'export default { linaer: true, upsample: (x: object) => x };', /Unrecognized key: "linaer"/],
    ['fails.ts', 'export default (x: any) => {\n  return x.no();\n};', /failed: x\.no is not a function \(line 2\)/],
    [
      'shape.ts',
      "import { slice } from 'clickprobe';\nexport default (x: any) => slice(x, 1, 0, 4);",
      /shape\.ts: upsample\(features \[1, 8, 10, 9\].* gave \[1, 4, 10, 9\], expected a map \[1, 8, h', w'\]/,
    ],
    [
      'weights.ts',
      "import { conv } from 'clickprobe';\n" +
        "export default (x: any, image: any, size: any, scope: any) => conv(x, scope.at('a'), { out: 8, kernel: 1 });",
      /weights\.ts asks for a\.weight \[8, 8, 1, 1\], a\.bias \[8\], and there are no weights.*--upsampler-weights weights=FILE/,
    ],
    [
      'idle.ts',
      "export default { weights: 'x.pth', upsample: (x: any) => x };",
      /asks for no parameters, given the weights .*x\.pth/,
    ],
  ];
  file('helper.ts', 'export const same = <T>(x: T): T => x;');
  const said = complaints([...cases.map(([name, text]) => file(name, text)), path('nowhere.ts')]);
  for (const [i, [name, , says]] of cases.entries()) expect(said[i], name).toMatch(says);
  expect(said.at(-1)).toMatch(/^UserError: there is no file .*nowhere\.ts/);
  for (const each of said) expect(each).toMatch(/^(none$|UserError: )/);
});

it.each<[string, () => string[], RegExp]>([
  [
    'a name of another',
    () => ['--upsamplers', `jbu=${path('mine.ts')}`],
    /two upsamplers are called jbu: a built-in one/,
  ],
  ['a file that is missing', () => ['--upsamplers', './nowhere.ts'], /there is no file \.\/nowhere\.ts/],
  ['another kind of file', () => ['--upsamplers', './mine.py'], /"\.\/mine\.py" is no upsampler's file/],
  [
    'weights of what is not there',
    () => ['--upsamplers', path('mine.ts'), '--upsampler-weights', 'yours=x.pth'],
    /yours is not among the upsamplers \(mine\)/,
  ],
])('bench: %s', async (_, args, says) => {
  const { code, err } = await run(tinyBench(path('bad'), ...args(), ...small));
  expect(err).toMatch(says);
  expect(err).not.toMatch(/\n {4}at /);
  expect(code).toBe(2);
});

it('the example has the types that the package gives', () => {
  const options = {
    strict: true,
    noEmit: true,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2024'],
    types: ['node'],
  };
  const paths = { clickprobe: [join(root, 'src/api.ts')] };
  const typeRoots = [join(root, 'node_modules/@types')];
  const compilerOptions = { ...options, typeRoots, paths, allowImportingTsExtensions: true, skipLibCheck: true };
  file('tsconfig.json', JSON.stringify({ compilerOptions, files: ['mine.ts'] }));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});
