import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeSafetensors } from '../../../src/weights/safetensors.ts';
import { Source } from './source.ts';

const folder = mkdtempSync(join(tmpdir(), 'source-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('takes tensors from the file that fits best by name, and from others what that does not hold', () => {
  const files = ['clicks_masks', 'clicks_masks_s7', 'clicks_seq_masks_s7', 'other_s7', 'plain', 'plain_s7'];
  for (const [i, file] of files.entries()) {
    const tensor = { shape: [1], data: Float32Array.of(i) };
    writeSafetensors(
      join(folder, `${file}.safetensors`),
      new Map([
        ['k', tensor],
        [`only_${i}`, tensor],
      ]),
    );
  }
  const open = (stem: string, text = '') => {
    writeFileSync(join(folder, `${stem}.json`), JSON.stringify({ masks_file: text }));
    return new Source(join(folder, `${stem}.json`));
  };
  const mention = 'clicks_masks.safetensors (U8)';
  expect(open('clicks_single', mention).floats('k')[0]).toBe(0);
  expect(open('clicks_single_s7', mention).floats('k')[0]).toBe(1);
  expect(open('clicks_seq_s7', 'clicks_seq_masks.safetensors').floats('k')[0]).toBe(2);
  expect(open('plain').floats('k')[0]).toBe(4);
  expect(open('plain_s7').floats('k')[0]).toBe(5);
  const source = open('plain');
  expect(source.keys()).toEqual(['k', 'only_4']);
  expect([source.has('only_3'), source.floats('only_3')[0], source.has('none')]).toEqual([true, 3, false]);
  expect(() => source.tensor('none')).toThrow(/plain\.json refers to the tensor none/);
  expect(() => source.bytes('k')).toThrow(/the tensor k of plain is no Uint8Array/);
});
