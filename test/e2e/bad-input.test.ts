import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, tinyBench } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-bad-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A set in Berkeley's layout with one photo and one mask. */
async function makeSet(name: string, mask: { width: number; height: number; filled: boolean }): Promise<string> {
  const root = join(folder, name);
  mkdirSync(join(root, 'images'), { recursive: true });
  mkdirSync(join(root, 'masks'), { recursive: true });
  const noise = Buffer.from(Uint8Array.from({ length: 96 * 64 * 3 }, (_, i) => (i * 7919) % 251));
  await sharp(noise, { raw: { width: 96, height: 64, channels: 3 } })
    .jpeg()
    .toFile(join(root, 'images', 'a.jpg'));
  const pixels = Buffer.alloc(mask.width * mask.height, 0);
  if (mask.filled) pixels.fill(255, 0, pixels.length / 2);
  await sharp(pixels, { raw: { width: mask.width, height: mask.height, channels: 1 } })
    .png()
    .toFile(join(root, 'masks', 'a.png'));
  return root;
}

const sets: Record<string, string> = {};
beforeAll(async () => {
  sets.good = await makeSet('good', { width: 96, height: 64, filled: true });
  sets.empty = await makeSet('empty', { width: 96, height: 64, filled: false });
  sets.size = await makeSet('size', { width: 50, height: 64, filled: true });
  sets.truncated = join(folder, 'truncated');
  cpSync(sets.good, sets.truncated, { recursive: true });
  truncateSync(join(sets.truncated, 'images', 'a.jpg'), 700);
  writeFileSync(join(folder, 'typo.yaml'), 'training:\n  epoch: 3\n');
  writeFileSync(join(folder, 'broken.yaml'), 'training: [1,\n');
  writeFileSync(join(folder, 'type.yaml'), 'training:\n  gamma: many\n');
});

interface BadCase {
  name: string;
  args(): string[];
  says: RegExp;
}

const cases: BadCase[] = [
  { name: 'unknown upsampler', args: () => ['--upsamplers', 'biliner'], says: /biliner.*did you mean "bilinear"/s },
  { name: 'unknown backbone', args: () => ['--backbone', 'dino'], says: /dino.*mobilesam/s },
  { name: 'unknown head', args: () => ['--head', 'convv'], says: /convv.*did you mean "conv"/s },
  { name: 'unknown preset', args: () => ['--preset', 'fast'], says: /fast.*quick/s },
  { name: 'missing weights', args: () => ['--backbone', 'dinov2-s14'], says: /dinov2-s14.*--weights FILE/s },
  { name: 'missing data folder', args: () => ['--datasets', `berkeley:${folder}/nowhere`], says: /nowhere/ },
  { name: 'folder of another layout', args: () => ['--datasets', `grabcut:${sets.good}`], says: /data_GT/ },
  { name: 'unknown kind of set', args: () => ['--datasets', 'berkely:x'], says: /did you mean "berkeley"/ },
  { name: 'set without a path', args: () => ['--train', 'coco'], says: /coco:DIR/ },
  { name: 'truncated JPEG', args: () => ['--datasets', `berkeley:${sets.truncated}`], says: /a\.jpg/ },
  { name: 'empty mask', args: () => ['--datasets', `berkeley:${sets.empty}`], says: /a\.png/ },
  { name: 'mask of another size', args: () => ['--datasets', `berkeley:${sets.size}`], says: /50.*64.*96.*64/s },
  {
    name: 'misspelt YAML entry',
    args: () => ['--config', join(folder, 'typo.yaml')],
    says: /training\.epoch.*did you mean "epochs"/s,
  },
  { name: 'broken YAML', args: () => ['--config', join(folder, 'broken.yaml')], says: /not valid YAML/ },
  { name: 'wrong type in YAML', args: () => ['--config', join(folder, 'type.yaml')], says: /training\.gamma/ },
  { name: 'missing YAML', args: () => ['--config', join(folder, 'none.yaml')], says: /none\.yaml/ },
  { name: 'misspelt --set', args: () => ['--set', 'training.epohs=3'], says: /did you mean "epochs"/ },
  { name: '--set without value', args: () => ['--set', 'seed'], says: /expected path\.to\.entry=value/ },
  {
    name: 'a learned upsampler',
    args: () => ['--upsamplers', 'none,lift'],
    says: /no weights of lift are published for mobilesam; there are for dino-s8, .*clickprobe upsampler train lift --backbone mobilesam --images DIR. To use a file: --upsampler-weights lift=FILE/,
  },
  {
    name: 'a file for an upsampler that does not run',
    args: () => ['--upsamplers', 'none', '--upsampler-weights', 'anyup=x.pth'],
    says: /anyup is not among the upsamplers \(none\)/,
  },
  { name: 'a file for none', args: () => ['--upsampler-weights', 'x.pth'], says: /expected NAME=FILE/ },
  {
    name: 'a file of weights that is none',
    args: () => ['--upsamplers', 'anyup', '--upsampler-weights', `anyup=${join(folder, 'typo.yaml')}`],
    says: /typo\.yaml/,
  },
  {
    name: 'an upsampler that does not fit',
    args: () => ['--upsamplers', 'naf', '--upsampler-weights', 'naf=x', '--set', 'training.size=112'],
    says: /naf cannot run on mobilesam at 112 x 112 px: naf: windows of 9 cells/,
  },
  { name: 'a size off the stride', args: () => ['--set', 'training.size=225'], says: /multiple of 16, such as 224/ },
  {
    name: 'an unknown evaluation mode',
    args: () => ['--mode', 'fixd224'],
    says: /unknown evaluation mode "fixd224".*fixedN/s,
  },
  {
    name: 'out folder below a file',
    args: () => ['--out', join(folder, 'typo.yaml', 'x')],
    says: /a part of the path is a file/,
  },
];

describe('bad input', () => {
  it.each(cases)('$name', async ({ args, says }) => {
    const out = join(folder, 'out');
    const { code, err } = await run(tinyBench(out, '--upsamplers', 'none', ...args()));
    expect(err).toMatch(says);
    expect(err).not.toMatch(/\n {4}at /);
    expect([1, 2, 74]).toContain(code);
    const left = existsSync(out) ? readdirSync(out, { recursive: true }).map(String) : [];
    expect(left.filter(name => name.endsWith('.tmp') || name === 'lock')).toEqual([]);
    rmSync(out, { recursive: true, force: true });
  });
});

describe('a full disk', () => {
  const disk = join(folder, 'disk');
  const mounted = () => {
    mkdirSync(disk, { recursive: true });
    return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=160k', 'tmpfs', disk]).status === 0;
  };
  const available = process.platform === 'linux' && mounted();
  if (!available) console.warn('skipped: full disk (needs the right to mount a small tmpfs)');
  afterAll(() => {
    if (available) execFileSync('umount', [disk]);
  });

  it.skipIf(!available)('is one clear error; with space the run goes on', async () => {
    const args = tinyBench(join(disk, 'run'), '--upsamplers', 'none', '--set', 'headWidth=64');
    const full = await run(args);
    expect(full.err).toMatch(/the disk is full.*run the same command again/s);
    expect(full.err).not.toMatch(/\n {4}at /);
    expect(full.code).toBe(74);
    expect(readdirSync(disk, { recursive: true }).filter(name => String(name).endsWith('.tmp'))).toEqual([]);
    execFileSync('mount', ['-o', 'remount,size=64m', disk]);
    const again = await run(args);
    expect(again.err).toContain('going on in');
    expect(again.code).toBe(0);
  });
});
