import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { readJsonLists, readJsonValues, type Span } from './json-lists.ts';

const root = mkdtempSync(join(tmpdir(), 'json-'));
afterAll(() => rmSync(root, { recursive: true }));

const path = join(root, 'a.json');
function read(text: string) {
  writeFileSync(path, text);
  const entries: [string, unknown, number][] = [];
  const spans: Span[] = [];
  const found = readJsonLists(path, ['a', 'b'], (name, entry, index, span) => {
    entries.push([name, entry, index]);
    spans.push(span);
  });
  return { found: [...found], entries, spans };
}

describe('readJsonLists', () => {
  it('gives what JSON.parse gives, with any white space', async () => {
    const json = fc.jsonValue();
    const property = fc.asyncProperty(
      fc.array(json),
      fc.array(json),
      json,
      fc.constantFrom(undefined, 1, '\t'),
      async (a, b, x, indent) => {
        const { found, entries, spans } = read(
          JSON.stringify({ x, b, y: { a: [7], z: '"}]' }, a, 'ü"\\': x }, null, indent),
        );
        expect(found.sort()).toEqual(['a', 'b']);
        const parsed = JSON.parse(JSON.stringify({ a, b }));
        for (const name of ['a', 'b']) {
          expect(entries.filter(entry => entry[0] === name)).toEqual(
            parsed[name].map((entry: unknown, i: number) => [name, entry, i]),
          );
        }
        expect(await readJsonValues(path, spans)).toEqual(entries.map(entry => entry[1]));
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });

  it('reads entries across and longer than its chunks', async () => {
    const long = 'ü\\"]'.repeat(2_500_000);
    const { entries, spans } = read(JSON.stringify({ skipped: [long, { long }], a: [1, long, [2]] }));
    expect(entries.map(entry => entry[2])).toEqual([0, 1, 2]);
    expect(entries[1][1] === long).toBe(true);
    expect(await readJsonValues(path, [spans[2], spans[0]])).toEqual([[2], 1]);
  });

  it('finds only lists at the top level', () => {
    expect(read('{}').found).toEqual([]);
    expect(read('[{"a": []}]').found).toEqual([]);
    expect(read('{"a": {"a": [1]}, "b": null}').found).toEqual([]);
    expect(read(' {"a" : [ ] } \n')).toMatchObject({ found: ['a'], entries: [] });
  });

  it('rejects what is not JSON, naming file and place', () => {
    const cases: [string, RegExp][] = [
      ['{"a": [1, 2', /cannot use .*a\.json: its JSON ends early/],
      ['{"a": [1, {"x": "', /ends early/],
      ['{"a"', /ends early/],
      ['{"a": [1 2]}', /"2" at byte 9, where JSON has "\]"/],
      ['{"a": [1, ]}', /at byte 10: .*JSON/],
      ['{"a": [nonsense]}', /at byte 7: .*JSON/],
      ['{"a": [1}]', /"}" at byte 8/],
      ['{"a" [1]}', /where JSON has ":"/],
      ['{"a": [1]} x', /more after its end/],
      ['{"a": [1], "a": [2]}', /two lists "a"/],
    ];
    for (const [text, message] of cases) {
      expect(() => read(text)).toThrow(UserError);
      expect(() => read(text)).toThrow(message);
    }
    expect(() => readJsonLists(join(root, 'none'), [], () => {})).toThrow(/cannot read .*none/);
  });

  it('tells when the file has changed', async () => {
    const { spans } = read('{"a": [[1, 2], [3]]}');
    writeFileSync(path, '{"a": [[1');
    await expect(readJsonValues(path, spans)).rejects.toThrow(/cannot read .*a\.json again .*it changed/);
  });
});
