import { describe, expect, it } from 'vitest';
import { fileNameOf } from '../../downloads/mirror.ts';
import { datasetKinds } from '../registry.ts';
import { catalogue, downloadSize, isFetchable } from './sources.ts';

describe('catalogue', () => {
  const fetchable = catalogue.filter(isFetchable);
  const archives = fetchable.flatMap(set => set.archives.map(archive => ({ set: set.name, ...archive })));

  it('has an entry for every kind of photos but one’s own and made ones, and no other', () => {
    // a user's own photos, and what granularity make writes
    const own = new Set(['folder', 'granular']);
    const kinds = datasetKinds.filter(kind => kind.needsPath && !own.has(kind.name)).map(kind => kind.name);
    expect(new Set(catalogue.map(set => set.kind))).toEqual(new Set(kinds));
    expect(new Set(catalogue.map(set => set.name)).size).toBe(catalogue.length);
    for (const kind of kinds) expect(catalogue.map(set => set.name)).toContain(kind);
  });

  it.each(archives)('$set: $file is well described', ({ file, sources, sha256, bytes, about, limit, holds }) => {
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources) expect(fileNameOf(source)).toBe(file);
    expect(bytes ?? about).toBeGreaterThan(1e6);
    expect(limit.bytes).toBeGreaterThan(bytes ?? about!);
    expect(holds.length).toBeGreaterThan(0);
    if (sha256 !== undefined) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    // over plain http anybody on the way can change a file
    else for (const source of sources) expect(source).toMatch(/^https:/);
  });

  it('knows what a set needs', () => {
    const size = (name: string) => downloadSize(fetchable.find(set => set.name === name)!);
    expect(size('coco-val2017')).toEqual({ bytes: 815_585_330 + 252_907_541, exact: true });
    expect(size('grabcut')).toEqual({ bytes: 11e6, exact: false });
  });
});
