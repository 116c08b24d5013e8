import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parseSafetensors, writeSafetensors } from '../../src/weights/safetensors.ts';
import { same } from './case.ts';
import { defaultFolders, defaultSurroundings, parity } from './command.ts';
import { findCases } from './discover.ts';
import { networkCase } from './networks/cases.ts';
import { openGolden } from './networks/golden.ts';
import { networkKinds } from './networks/kinds.ts';
import { runCase } from './result.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'parity-'));
  folders.push(folder);
  return folder;
}

async function run(...args: string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await parity(args, { out: line => out.push(line), err: line => err.push(line) });
  return { code, out, err, last: out[out.length - 1] };
}

/** A folder with one file of the protocol. */
function protocolFolder(json: unknown, name = 'numbers'): string {
  const folder = temporary();
  writeFileSync(join(folder, `${name}.json`), typeof json === 'string' ? json : JSON.stringify(json));
  return folder;
}

const iouCase = (iou: number | null) => ({ h: 1, w: 4, gt_rle: [1, 2, 0, 1, -1, 1], pred_rle: [0, 1, 1, 3], iou });
const ious = (...values: (number | null)[]) => ({
  about: 'by hand',
  get_iou: { about: '', cases: values.map(iouCase) },
});

/** A folder with nearest-neighbour upsampling of [[1, 2]] to [[1, 1, 2, 2]]. */
function networkFolder(output: number[], { name = 'c6_nearest_by_hand', config = {} } = {}): string {
  const folder = temporary();
  const tensor = (...data: number[]) => ({ shape: [1, 1, 1, data.length], data: Float32Array.from(data) });
  writeSafetensors(
    join(folder, `${name}.safetensors`),
    new Map([
      ['input.source', tensor(1, 2)],
      ['output.y', tensor(...output)],
    ]),
    { case: name, config: JSON.stringify({ upsampler: 'nearest', out: [1, 4], ...config }) },
  );
  return folder;
}

describe('the parity command', () => {
  it('says of every case how near it came, and counts', async () => {
    const { code, out } = await run(protocolFolder(ious(1 / 3, 1 / 3)), networkFolder([1, 1, 2, 2]));
    expect(code).toBe(0);
    expect(out[0]).toMatch(/^pass {2}numbers\/get_iou +error 0 of 0 in /);
    expect(out[1]).toMatch(/^pass {2}c6_nearest_by_hand +error 0 of 0\.000004 in output\.y$/);
    expect(out[2]).toBe('2 passed, 0 failed, 0 skipped');
  });

  it('fails where a number is wrong', async () => {
    const { code, out, last } = await run(protocolFolder(ious(1 / 3, 0.35)), networkFolder([1, 1, 2, 2.001]));
    expect(code).toBe(1);
    expect(out[0]).toMatch(/^FAIL {2}numbers\/get_iou .*1 of 4 comparisons fail; IoU 1: 0\.333\d+, expected 0\.35/);
    expect(out[1]).toMatch(/^FAIL {2}c6_nearest_by_hand .*output\.y: error 0\.00/);
    expect(last).toBe('0 passed, 2 failed, 0 skipped');
  });

  it('skips what there is no code for, and says so', async () => {
    const folder = protocolFolder({ env: { torch: '1' }, ...ious(1 / 3), new_thing: { cases: [{ x: 1 }] } });
    const other = networkFolder([0], { name: 'c12_unheard_of' });
    const neck = networkFolder([0], { name: 'c7_neck_p9' });
    const aligned = networkFolder([0], { name: 'c6_nearest_x', config: { upsampler: 'nearest-exact' } });
    const { code, out } = await run(folder, other, neck, aligned);
    expect(code).toBe(0);
    expect(out.slice(1)).toEqual([
      expect.stringMatching(/^skip {2}numbers\/new_thing +skipped by kind: there is no code for "new_thing"/),
      expect.stringMatching(/^skip {2}c12_unheard_of +skipped by kind: .*cases named c12_unheard_of yet/),
      expect.stringMatching(/^skip {2}c7_neck_p9 +skipped by kind: .*cases named c7_neck_p9 yet/),
      expect.stringMatching(/^skip {2}c6_nearest_x +skipped by kind: .*upsampler "nearest-exact"/),
      '1 passed, 0 failed, 4 skipped',
    ]);
  });

  it('skips what needs images that are absent, naming the folder', async () => {
    const folder = protocolFolder({ dataset: 'GrabCut', n: 1, samples: [{ i: 0, name: 'a.jpg' }] }, 'dataset_a');
    const data = temporary();
    const { code, out } = await run(folder, '--data', data);
    expect(code).toBe(0);
    expect(out).toEqual([
      expect.stringContaining(`no images: ${join(data, 'GrabCut')} is absent`),
      '0 passed, 0 failed, 1 skipped',
    ]);
  });

  it('fails a case that throws or that cannot be read, and goes on', async () => {
    const missing = protocolFolder(
      { zoom_inv: { cases: [{ h: 2, w: 2, roi: [0, 1, 0, 1], key: 'zoom_inv_0' }] } },
      'a',
    );
    writeFileSync(join(missing, 'b.json'), '{"get_iou": ');
    writeFileSync(join(missing, 'c.safetensors'), 'cut off');
    writeFileSync(join(missing, 'd.json'), JSON.stringify(ious(1 / 3)));
    writeFileSync(join(missing, 'e.json'), JSON.stringify({ get_iou: { cases: [] } }));
    const { code, out } = await run(missing);
    expect(code).toBe(1);
    expect(out).toEqual([
      expect.stringMatching(/^FAIL {2}a\/zoom_inv .*zoom_inv_input, which no \.safetensors beside it holds/),
      expect.stringMatching(/^FAIL {2}b\.json .*JSON/),
      expect.stringMatching(/^FAIL {2}c\.safetensors /),
      expect.stringMatching(/^pass {2}d\/get_iou /),
      expect.stringMatching(/^FAIL {2}e\/get_iou +nothing was compared/),
      '1 passed, 4 failed, 0 skipped',
    ]);
  });

  it('gives one JSON object a case, and the count apart', async () => {
    const { code, out, err } = await run('--json', protocolFolder(ious(1 / 3)), networkFolder([1, 1, 2, 3]));
    expect(code).toBe(1);
    expect(out.map(line => JSON.parse(line))).toMatchObject([
      { name: 'numbers/get_iou', verdict: 'passed', error: 0, tolerance: 0, checks: 2 },
      { name: 'c6_nearest_by_hand', verdict: 'failed', error: 1, what: 'output.y' },
    ]);
    expect(err).toEqual(['1 passed, 1 failed, 0 skipped']);
  });

  it('ends with 2 for a folder that is missing or holds no case, and for wrong options, before anything runs', async () => {
    const good = protocolFolder(ious(1 / 3));
    const empty = temporary();
    writeFileSync(join(empty, 'notes.md'), 'nothing');
    for (const [args, message] of [
      [[good, join(empty, 'none')], /cannot read the folder .*none/],
      [[good, empty], /holds no case: expected .*found notes\.md/],
      [[good, '--dta', 'x'], /Unknown option '--dta'[\s\S]*npm run parity/],
    ] as const) {
      const { code, out, err } = await run(...args);
      expect({ code, out }).toEqual({ code: 2, out: [] });
      expect(err.join('\n')).toMatch(message);
    }
    expect((await run('--help')).out[0]).toContain('--weights DIR');
  });

  it('tells cases of one name apart', async () => {
    const noc = { name: 'x', ious: [[0.9]], thresholds: [], max_clicks: 5, iou_at_1: 0.9, min_num_clicks: 1 };
    const rest = { noc: [], noc_std: [], over_max: [], miou_at_k: [0.9], miou_percent_rounded: [90] };
    const given = { ...noc, ...rest, miou_table: 'mIoU@1=90.00%;' };
    const { code, out } = await run(protocolFolder({ noc: { cases: [given, given] } }));
    expect(code).toBe(0);
    expect(out.slice(0, 2)).toEqual([expect.stringContaining('/noc_x '), expect.stringContaining('/noc_x#2 ')]);
  });
});

describe('real checkpoints', () => {
  it('are found by their contents; without one the case is skipped', async () => {
    const weights = temporary();
    const contents = 'the weights';
    const config = { sha256: createHash('sha256').update(contents).digest('hex'), checkpoint: 'real.pth' };
    const path = join(networkFolder([1, 1, 2, 2], { name: 'c6_real', config }), 'c6_real.safetensors');
    const kinds = [
      { pattern: /^c6_real/, run: (_: unknown, file?: string) => [same('file', file, join(weights, 'b'))] },
    ];
    const around = { data: '', weights };
    expect(await networkCase(path, around, kinds)).toMatchObject({
      skip: expect.stringContaining('no checkpoint real.pth'),
    });
    writeFileSync(join(weights, 'a'), 'other weights');
    writeFileSync(join(weights, 'b'), contents);
    expect(await runCase(await networkCase(path, around, kinds))).toMatchObject({ verdict: 'passed' });
  });
});

const [networks, protocol] = defaultFolders;
const hasGolden = existsSync(networks) && existsSync(protocol);
if (!hasGolden) console.warn(`skipped: the parity command on ${networks} and ${protocol}, which are absent`);

describe.skipIf(!hasGolden)('on the reference cases', () => {
  it('every kind of network has a case, and every case of the protocol has code', async () => {
    const cases = await findCases(networks, defaultSurroundings);
    const names = cases.map(({ name }) => openGolden(join(networks, `${name}.safetensors`)).name);
    const unused = networkKinds.filter(({ pattern }) => !names.some(name => pattern.test(name)));
    expect(unused.map(({ pattern }) => String(pattern))).toEqual([]);
    const skipped = (await findCases(protocol, defaultSurroundings)).filter(({ skip }) => skip?.includes('by kind'));
    expect(skipped).toEqual([]);
  });

  /** Copies of some files under other names, one of them changed. */
  function changed(copies: Record<string, string>, of: string, change: (bytes: Buffer) => Buffer): string {
    const folder = temporary();
    mkdirSync(folder, { recursive: true });
    for (const [from, to] of Object.entries(copies)) {
      const target = join(folder, to);
      copyFileSync(join(existsSync(join(protocol, from)) ? protocol : networks, from), target);
      if (from === of) writeFileSync(target, change(readFileSync(target)));
    }
    return folder;
  }

  const json = (change: (content: never) => void) => (bytes: Buffer) => {
    const content = JSON.parse(bytes.toString());
    change(content as never);
    return Buffer.from(JSON.stringify(content));
  };
  /** Adds to a number in the middle of a tensor. */
  const tensor = (name: string, add: number) => (bytes: Buffer) => {
    const header = Number(bytes.readBigUInt64LE(0));
    const [start, end] = JSON.parse(bytes.subarray(8, 8 + header).toString())[name].data_offsets;
    expect(parseSafetensors(bytes, name).tensors.get(name)!.data).toBeInstanceOf(Float32Array);
    const at = 8 + header + start + 4 * Math.floor((end - start) / 8);
    bytes.writeFloatLE(bytes.readFloatLE(at) + add, at);
    return bytes;
  };

  it.each([
    ['a network', { 'c5_head_linear_16x16.safetensors': 'c5_head_x.safetensors' }, tensor('output.y', 1e-3)],
    ['a gradient', { 'c5_head_linear_16x16.safetensors': 'c5_head_x.safetensors' }, tensor('grad.input.x', 1e-3)],
    [
      'a click',
      { 'clicker_single.json': 'clicker_single_s7.json', 'clicker_masks.safetensors': 'clicker_masks_s7.safetensors' },
      json((content: { cases: { expect: { y: number } }[] }) => content.cases[20].expect.y++),
    ],
    [
      'a transform',
      { 'transforms.json': 'transforms_b.json', 'transforms.safetensors': 'transforms_b.safetensors' },
      json(
        (content: { expand_clamp: { cases: { clamped: number[] }[] } }) => content.expand_clamp.cases[300].clamped[2]++,
      ),
    ],
    [
      'a table',
      { 'metrics.json': 'm.json', 'metrics.safetensors': 'm.safetensors' },
      json((content: { noc: { cases: { noc: number[] }[] } }) => {
        content.noc.cases[2].noc[1] += 1e-3;
      }),
    ],
  ])('%s under another name passes, and fails when changed', async (_, copies, change) => {
    const [file] = Object.keys(copies);
    const whole = await run(changed(copies, file, bytes => bytes));
    expect(whole).toMatchObject({ code: 0, last: expect.stringMatching(/^[1-9]\d* passed, 0 failed, 0 skipped$/) });
    const broken = await run(changed(copies, file, change));
    expect(broken).toMatchObject({ code: 1, last: expect.stringMatching(/ 1 failed, 0 skipped$/) });
  });
});

const compiled = join(import.meta.dirname, '../../dist/test/parity/main.js');

it.skipIf(!existsSync(compiled))('runs as a program', () => {
  const { status, stdout } = spawnSync(process.execPath, [compiled, networkFolder([1, 1, 2, 3])], { encoding: 'utf8' });
  expect({ status, stdout }).toEqual({
    status: 1,
    stdout: expect.stringMatching(/\n0 passed, 1 failed, 0 skipped\n$/),
  });
});
