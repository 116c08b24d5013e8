import { expect, it } from 'vitest';
import { thickOutline } from './outline.ts';

function outlined(...rows: string[]): string[] {
  const [width, height] = [rows[0].length, rows.length];
  const { data } = thickOutline({ width, height, data: Uint8Array.from(rows.join(''), c => +(c === '#')) });
  return rows.map((row, y) => [...row].map((_, x) => (data[y * width + x] ? 'o' : '.')).join(''));
}

it('covers the border and half a line beyond it, not the corners', () => {
  expect(outlined('........', '........', '..####..', '..####..', '..####..', '..####..', '........')).toEqual([
    '........',
    '..oooo..',
    '.oooooo.',
    '.oooooo.',
    '.oooooo.',
    '.oooooo.',
    '..oooo..',
  ]);
  expect(outlined('#######', '#######', '#######', '#######', '#######', '#######')[2]).toBe('oo...oo');
});

it('is wider beside a diagonal step', () => {
  expect(outlined('......', '......', '..#...', '...#..', '......', '......')).toEqual([
    '......',
    '..oo..',
    '.oooo.',
    '.oooo.',
    '..oo..',
    '......',
  ]);
});

it('goes around holes', () => {
  const full = '#########';
  const rows = outlined(full, full, full, full, '####.####', full, full, full, full);
  expect(rows.slice(1, 4)).toEqual(['ooooooooo', 'oo.ooo.oo', 'ooooooooo']);
});
