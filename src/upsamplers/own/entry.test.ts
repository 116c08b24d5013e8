import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.ts';
import { upsamplers } from '../registry.ts';
import { entriesByName, ownEntry, recordsOf, rowName } from './entry.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-own-entry-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('ownEntry', () => {
  it.each([
    ['./mine.ts', 'mine', './mine.ts'],
    ['mine.ONNX', 'mine', 'mine.ONNX'],
    ['/far/away/two.parts.mjs', 'two.parts', '/far/away/two.parts.mjs'],
    ['..\\mine.js', undefined, undefined],
    ['best=../mine.mts', 'best', '../mine.mts'],
    ['best=a=b/mine.js', 'best', 'a=b/mine.js'],
    ['a/b=c/mine.js', 'mine', 'a/b=c/mine.js'],
  ])('%s', (entry, name, path) => {
    if (name === undefined) expect(() => ownEntry(entry)).toThrow(/cannot be called "\.\.\\mine"/);
    else expect(ownEntry(entry)).toEqual({ name, path });
  });

  it('leaves every built-in name alone', () => {
    for (const { name } of upsamplers) {
      expect(ownEntry(name)).toBeNull();
      expect(rowName(name)).toBe(name);
    }
  });

  it.each([
    ['./mine.py', /"\.\/mine\.py" is no upsampler's file; expected one that ends in \.ts \.mts/],
    ['best=bilinear', /"bilinear" is no upsampler's file/],
    ['./my upsampler.ts', /cannot be called "my upsampler".*NAME=FILE/],
    ['..=mine.ts', /cannot be called "\.\."/],
    ['=mine.ts', /cannot be called ""/],
  ])('refuses %s', (entry, says) => {
    expect(() => ownEntry(entry)).toThrow(UserError);
    expect(() => ownEntry(entry)).toThrow(says);
  });
});

describe('entriesByName', () => {
  it('keeps the order and takes what is there twice once', () => {
    const entries = ['jbu', './b.ts', 'none', 'jbu', './b.ts', 'a=./b.ts'];
    expect([...entriesByName(entries)]).toEqual([
      ['jbu', 'jbu'],
      ['b', './b.ts'],
      ['none', 'none'],
      ['a', 'a=./b.ts'],
    ]);
  });

  it.each([
    [['a/x.ts', 'b/x.onnx'], /two upsamplers are called x: a\/x\.ts and b\/x\.onnx.*NAME=b\/x\.onnx/],
    [['./jbu.ts'], /two upsamplers are called jbu: a built-in one and \.\/jbu\.ts/],
    [['all=./x.ts'], /two upsamplers are called all/],
    [['sam=./x.ts'], /two upsamplers are called sam/],
  ])('refuses %j', (entries, says) => {
    expect(() => entriesByName(entries, ['sam'])).toThrow(says);
  });
});

it('records the bytes of files', () => {
  const path = join(folder, 'x.ts');
  writeFileSync(path, 'export default 1');
  const sha256 = createHash('sha256').update('export default 1').digest('hex');
  expect(recordsOf(['none', `y=${path}`])).toEqual({ y: { path, sha256 } });
  expect(() => recordsOf([join(folder, 'z.ts')])).toThrow(/there is no file .*z\.ts/);
  expect(() => recordsOf([`y=${folder}/.ts`])).toThrow(UserError);
});
