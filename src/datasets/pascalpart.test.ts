import { afterEach, expect, it } from 'vitest';
import { datasetFolder, drawn, photo, removeDatasetFolders } from '../../test/support/dataset-folder.ts';
import { openDataset } from './registry.ts';

afterEach(removeDatasetFolders);

// a file of MATLAB's version 5, as its format's description says
const u32 = (...values: number[]) => Buffer.from(Uint32Array.from(values).buffer);
const element = (type: number, data: Uint8Array) =>
  Buffer.concat([u32(type, data.length), data, Buffer.alloc(-data.length & 7)]);
const array = (classCode: number, dims: number[], parts: Uint8Array[], name = '') =>
  element(
    14,
    Buffer.concat([element(6, u32(classCode, 0)), element(5, u32(...dims)), element(1, Buffer.from(name)), ...parts]),
  );
const struct = (fields: string[], elements: Record<string, Uint8Array>[], name = '') => {
  const names = Buffer.alloc(fields.length * 32);
  for (const [i, field] of fields.entries()) names.write(field, i * 32);
  const values = elements.flatMap(each => fields.map(field => each[field]));
  return array(2, [1, elements.length], [element(5, u32(32)), element(1, names), ...values], name);
};
/** MATLAB stores characters as UTF-16, other writers as UTF-8. */
const text = (value: string, wide = false) =>
  array(4, [1, value.length], [element(wide ? 17 : 16, Buffer.from(value, wide ? 'utf16le' : 'utf8'))]);
/** Rows of "#" and ".". */
const mask = (...rows: string[]) => {
  const [height, width] = [rows.length, rows[0].length];
  const columns = Array.from({ length: width * height }, (_, i) => rows[i % height][Math.floor(i / height)] === '#');
  return array(9, [height, width], [element(2, Uint8Array.from(columns, Number))]);
};
const part = (name: string, ...rows: string[]) => ({ part_name: text(name, true), mask: mask(...rows) });
const object = (className: string, parts: ReturnType<typeof part>[]) => ({
  class: text(className),
  mask: mask('...', '...'),
  // an object without parts has the empty matrix
  parts: parts.length === 0 ? array(6, [0, 0], []) : struct(['part_name', 'mask'], parts),
});
const annotation = (...objects: ReturnType<typeof object>[]) => {
  const header = Buffer.alloc(128, ' ');
  header.write('MATLAB 5.0 MAT-file');
  header.set([0, 1, 0x49, 0x4d], 124);
  const anno = { imname: text('a'), objects: struct(['class', 'mask', 'parts'], objects) };
  return Buffer.concat([header, struct(['imname', 'objects'], [anno], 'anno')]);
};

const files = {
  'JPEGImages/a.jpg': photo(3, 2),
  'JPEGImages/b.jpg': photo(3, 2),
  'Annotations_Part/a.mat': annotation(
    object('car', [part('wheel_1', '#..', '...'), part('wheel_2', '.#.', '...'), part('frontside', '..#', '..#')]),
    object('boat', []),
    object('dog', [part('head', '...', '##.')]),
  ),
  'Annotations_Part/b.mat': annotation(object('boat', [])),
  'ImageSets/Main/part_val.txt': 'a\nb\n',
  'ImageSets/Main/val.txt': 'b\n',
  'ImageSets/Main/train.txt': 'b\n',
};

const open = (spec: string) => openDataset(spec, { seed: 0, split: 'val' });

it('has an object per part, of the classes and parts that are asked for', async () => {
  const root = await datasetFolder(files);
  const all = await open(`pascalpart:${root}`);
  expect(all).toMatchObject({ name: 'PascalPart val', ids: ['a', 'b'] });
  expect(await drawn(all, 0)).toEqual(['#.. ...', '.#. ...', '..# ..#', '... ##.']);
  expect(await drawn(all, 1)).toEqual([]);
  expect(await drawn(await open(`pascalpart:${root}#val/car`), 0)).toHaveLength(3);
  const wheels = await open(`pascalpart:${root}#val/car/wheel`);
  expect(wheels.name).toBe('PascalPart val car wheel');
  expect(await drawn(wheels, 0)).toEqual(['#.. ...', '.#. ...']);
  expect(await drawn(await open(`pascalpart:${root}#val/*/head`), 0)).toEqual(['... ##.']);
  // a list of parts comes before one of the same name of all photos
  expect((await open(`pascalpart:${root}#train`)).ids).toEqual(['b']);
});

it('says what is wrong', async () => {
  const root = await datasetFolder({ ...files, 'JPEGImages/a.jpg': photo(4, 2) });
  await expect(open(`pascalpart:${root}#val/car/wheel/rim`)).rejects.toThrow(/expected #LIST, #LIST\/CLASS/);
  await expect(open(`pascalpart:${root}#test`)).rejects.toThrow(/part_test\.txt/);
  await expect((await open(`pascalpart:${root}`)).load(0)).rejects.toThrow(
    /is 2x3 \(rows x columns\), its photo .* 2x4/,
  );
});
