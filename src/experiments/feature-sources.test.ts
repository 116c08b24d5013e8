import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { pictureSources } from './feature-sources.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-sources-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(() => {
  for (const name of ['photos', 'other', 'empty']) mkdirSync(join(folder, name));
  for (const name of ['photos/b.jpg', 'photos/A.PNG', 'photos/notes.txt', 'other/b.webp']) {
    writeFileSync(join(folder, name), 'x');
  }
});

it('takes files, the images of folders, and scenes, each with an id of its own', () => {
  const [photos, other] = [join(folder, 'photos'), join(folder, 'other/b.webp')];
  const found = pictureSources([photos, other, 'synthetic:12', 'synthetic:12']);
  expect(found.map(({ name, id }) => [name, id])).toEqual([
    [join(photos, 'A.PNG'), 'A'],
    [join(photos, 'b.jpg'), 'b'],
    [other, 'b-2'],
    ['synthetic:12', 'synthetic-12'],
    ['synthetic:12', 'synthetic-12-2'],
  ]);
});

it('draws the same scene for the same seed', async () => {
  const [a, b] = await Promise.all(pictureSources(['synthetic:3', 'synthetic:3']).map(source => source.load()));
  expect([a.width, a.height]).toEqual([640, 480]);
  expect(a).toEqual(b);
});

it.each([
  ['nowhere.jpg', /there is no file or folder .*nowhere\.jpg: expected a JPEG/],
  ['empty', /empty has no image in it/],
])('refuses %s', (name, says) => {
  expect(() => pictureSources([join(folder, name)])).toThrow(UserError);
  expect(() => pictureSources([join(folder, name)])).toThrow(says);
});

it.each(['synthetic:', 'synthetic:x', 'synthetic:-1', 'synthetic:1.5', 'synthetic:99999999999999999'])(
  'refuses %s',
  name => {
    expect(() => pictureSources([name])).toThrow(/expected synthetic:SEED, a whole number/);
  },
);

it('says what is wrong with a file when it is read', async () => {
  const [source] = pictureSources([join(folder, 'photos/b.jpg')]);
  await expect(source.load()).rejects.toThrow(/b\.jpg: its content is not an image/);
});
