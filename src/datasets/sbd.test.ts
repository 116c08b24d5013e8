import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { sbdDataset } from './sbd.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A MATLAB file with GTinst.Segmentation (doubles) of the given rows. */
function matFile(rows: number[][]): Buffer {
  const element = (type: number, data: Uint8Array) =>
    Buffer.concat([Buffer.from(Uint32Array.of(type, data.length).buffer), data, Buffer.alloc(-data.length & 7)]);
  const ints = (...values: number[]) => new Uint8Array(Int32Array.from(values).buffer);
  const array = (className: number, dims: number[], name: string, ...parts: Uint8Array[]) => {
    const head = [element(6, ints(className, 0)), element(5, ints(...dims)), element(1, Buffer.from(name))];
    return element(14, Buffer.concat([...head, ...parts]));
  };
  const columns = rows[0].flatMap((_, x) => rows.map(row => row[x]));
  const numbers = element(9, new Uint8Array(Float64Array.from(columns).buffer));
  const segmentation = array(6, [rows.length, rows[0].length], '', numbers);
  const fieldNames = element(1, Buffer.from('Segmentation\0'));
  const header = Buffer.alloc(128, ' ');
  header.set([0, 1, 0x49, 0x4d], 124);
  return Buffer.concat([header, array(2, [1, 1], 'GTinst', element(5, ints(13)), fieldNames, segmentation)]);
}

/** An SBD folder whose photos are as large as their instances, or as the first ones'. */
async function fixture(instances: Record<string, number[][]>, list: string, photoOf?: number[][]): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'sbd-'));
  folders.push(root);
  for (const name of ['img', 'inst']) mkdirSync(join(root, name));
  for (const split of ['train', 'val']) writeFileSync(join(root, `${split}.txt`), list);
  for (const [name, rows] of Object.entries(instances)) {
    const { length: height, 0: first } = photoOf ?? rows;
    const photo = sharp({ create: { width: first.length, height, channels: 3, background: '#123456' } });
    writeFileSync(join(root, 'img', `${name}.jpg`), await photo.jpeg().toBuffer());
    writeFileSync(join(root, 'inst', `${name}.mat`), matFile(rows));
  }
  return root;
}

const two = [
  [0, 7, 7],
  [3, 0, 7],
];
const val = { split: 'val' } as const;

describe('sbdDataset', () => {
  it('takes the photos of the list in its order, objects in the order of their labels', async () => {
    const root = await fixture({ a: two, b: [[0, 0]], c: two }, 'c\r\n a \n\nb');
    const dataset = sbdDataset(root, val);
    expect(dataset).toMatchObject({ name: 'SBD val', size: 3, ids: ['c', 'a', 'b'] });
    const { id, image, objects } = await dataset.load(1);
    expect([id, image.width, image.height]).toEqual(['a', 3, 2]);
    expect(objects).toEqual([
      { width: 3, height: 2, data: Int8Array.of(0, 0, 0, 1, 0, 0) },
      { width: 3, height: 2, data: Int8Array.of(0, 1, 1, 0, 0, 1) },
    ]);
    expect((await dataset.load(2)).objects).toEqual([]);
    await expect(dataset.load(3)).rejects.toThrow(RangeError);
    expect(sbdDataset(root, { split: 'train', limit: 2 })).toMatchObject({ name: 'SBD train', ids: ['c', 'a'] });
  });

  it('leaves out masks below 0.08 of their box for training only', async () => {
    const corners = (width: number) => [
      [1, ...Array(width - 2).fill(0), 0],
      [0, ...Array(width - 2).fill(0), 1],
    ];
    // two pixels in a box of 24, 26; 0.08 exactly with two in a box of 25
    const square = Array.from({ length: 5 }, (_, y) => Array.from({ length: 5 }, (_, x) => +(x === y && x % 4 === 0)));
    const root = await fixture({ a: corners(12), b: corners(13), c: square }, 'a\nb\nc');
    const counts = async (split: 'train' | 'val') => {
      const dataset = sbdDataset(root, { split });
      return Promise.all([0, 1, 2].map(async i => (await dataset.load(i)).objects.length));
    };
    expect(await counts('train')).toEqual([1, 0, 1]);
    expect(await counts('val')).toEqual([1, 1, 1]);
  });

  it('rejects a wrong layout', async () => {
    const root = await fixture({ a: two }, 'a\nb');
    expect(() => sbdDataset(root, val)).toThrow(UserError);
    expect(() => sbdDataset(root, val)).toThrow(/b\.jpg does not exist, but .*val\.txt lists it \(2 of 4 files are/);
    rmSync(join(root, 'inst', 'a.mat'));
    expect(() => sbdDataset(root, { ...val, limit: 1 })).toThrow(/a\.mat does not exist/);
    writeFileSync(join(root, 'val.txt'), '\n');
    expect(() => sbdDataset(root, val)).toThrow(/val\.txt lists no photos/);
    writeFileSync(join(root, 'val.txt'), 'a\nb\na');
    expect(() => sbdDataset(root, val)).toThrow(/val\.txt lists a twice/);
    rmSync(join(root, 'val.txt'));
    expect(() => sbdDataset(root, val)).toThrow(/cannot read .*val\.txt .*expected img.*found img, inst, train\.txt/);
    rmSync(join(root, 'inst'), { recursive: true });
    expect(() => sbdDataset(root, val)).toThrow(/has no folder inst; expected img\/<name>\.jpg/);
  });

  it('rejects instances that do not fit, naming the file', async () => {
    const cases: [number[][], number[][] | undefined, RegExp][] = [
      [two, [[0, 0, 0]], /Segmentation of .*a\.mat is 2x3 \(rows x columns\), its photo is 1x3/],
      [[[0, -1]], undefined, /a\.mat is no map of instances: it has the label -1/],
      [[[0, 0.5]], undefined, /it has the label 0\.5/],
      [[[0, Number.NaN]], undefined, /it has the label NaN/],
      [[Array.from({ length: 1001 }, (_, i) => i + 1)], undefined, /it has more than 1000 labels/],
    ];
    for (const [rows, photo, message] of cases) {
      const dataset = sbdDataset(await fixture({ a: rows }, 'a', photo), val);
      await expect(dataset.load(0)).rejects.toThrow(UserError);
      await expect(dataset.load(0)).rejects.toThrow(message);
    }
    const root = await fixture({ a: two }, 'a');
    writeFileSync(join(root, 'inst', 'a.mat'), readFileSync(join(root, 'inst', 'a.mat')).subarray(0, 300));
    await expect(sbdDataset(root, val).load(0)).rejects.toThrow(/cannot read .*a\.mat: .*damaged or cut off/);
  });
});
