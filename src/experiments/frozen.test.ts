import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { toyBackbone } from '../../test/support/toy-probe.ts';
import { serves, UnreliableServer } from '../../test/support/unreliable-server.ts';
import { Random } from '../base/random.ts';
import { buildFeatures } from '../probe/probe.ts';
import { upsamplerParameters } from '../upsamplers/parameters.ts';
import { findUpsampler } from '../upsamplers/registry.ts';
import { weightsHash } from '../weights/hash.ts';
import { encodeSafetensors } from '../weights/safetensors.ts';
import { frozenValues, loadFrozen } from './frozen.ts';

const server = new UnreliableServer();
const folder = mkdtempSync(join(tmpdir(), 'clickprobe-frozen-'));
let caches = 0;
beforeAll(() => server.start());
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  vi.stubEnv('CLICKPROBE_CACHE', join(folder, String(caches++)));
  vi.stubEnv('CLICKPROBE_OFFLINE', '');
  vi.stubEnv('CLICKPROBE_MIRROR', server.origin);
  server.seen.length = 0;
});

const own = { shape: [1], data: Float32Array.of(2) };
const backbone = toyBackbone(16, 32, { weights: async path => new Map([[path ?? 'its own', own]]) });
const naf = findUpsampler('naf');
const bytes = Buffer.from(
  encodeSafetensors(
    new Map(
      upsamplerParameters(naf, backbone).map(({ name, shape, initialise }) => [
        name,
        { shape, data: initialise(shape, Random.of(1, name)) },
      ]),
    ),
  ),
);

describe('loadFrozen', () => {
  it('needs no weights for what is not learned, and takes none', async () => {
    const jbu = findUpsampler('jbu');
    expect(await loadFrozen({ backbone, upsampler: jbu })).toEqual({
      backbone: new Map([['its own', own]]),
      upsampler: new Map(),
    });
    const named = await loadFrozen({ backbone, upsampler: jbu, weights: 'vit.pth', upsamplerWeights: null });
    expect([...named.backbone.keys()]).toEqual(['vit.pth']);
    await expect(loadFrozen({ backbone, upsampler: jbu, upsamplerWeights: 'x' })).rejects.toThrow(/jbu is not learned/);
  });

  it('reads the file that is given', async () => {
    const path = join(folder, 'naf.safetensors');
    writeFileSync(path, bytes);
    const { upsampler } = await loadFrozen({ backbone, upsampler: naf, upsamplerWeights: path });
    expect(upsampler.size).toBe(upsamplerParameters(naf, backbone).length);
    expect(server.seen).toEqual([]);
  });

  it('fetches official weights once, telling place and licence; offline takes the cache', async () => {
    server.on('/naf_release.pth', serves(bytes));
    const [notes, done]: [string[], number[]] = [[], []];
    const options = {
      onNote: (text: string) => void notes.push(text),
      onProgress: (progress: { done: number }) => void done.push(progress.done),
    };
    const first = await loadFrozen({ backbone, upsampler: naf }, options);
    expect(notes).toEqual([
      expect.stringMatching(/^fetching the weights of naf: https:.*naf_release\.pth \(Apache-2\.0\)$/),
    ]);
    expect(done.at(-1)).toBe(bytes.length);
    vi.stubEnv('CLICKPROBE_OFFLINE', '1');
    const second = await loadFrozen({ backbone, upsampler: naf }, options);
    expect(weightsHash(second.upsampler)).toBe(weightsHash(first.upsampler));
    expect(server.seen).toHaveLength(1);
    expect(notes).toHaveLength(1);
  });

  it('fetches nothing offline', async () => {
    vi.stubEnv('CLICKPROBE_OFFLINE', '1');
    await expect(loadFrozen({ backbone, upsampler: naf })).rejects.toThrow(/naf\) does not exist, and offline mode/);
    expect(server.seen).toEqual([]);
  });
});

describe('frozenValues', () => {
  const graph = buildFeatures({ backbone, upsampler: naf }, [160, 160]);
  const of = { backbone, upsampler: naf };
  const values = (part: string) =>
    new Map(
      [...graph.frozen]
        .filter(([name]) => name.startsWith(`frozen.${part}.`))
        .map(([name, { shape, initialise }]) => [
          name.slice(`frozen.${part}.`.length),
          { shape, data: initialise(shape, Random.of(1, name)) },
        ]),
    );

  it('are under the names of the sources', () => {
    const frozen = { backbone: values('backbone'), upsampler: values('upsampler') };
    const found = frozenValues(graph, frozen, of);
    expect([...found.keys()]).toEqual([...graph.frozen.keys()]);
    for (const [name, { data }] of frozen.upsampler) expect(found.get(`frozen.upsampler.${name}`)).toBe(data);
  });

  it('say what does not fit, and with which option to give another file', () => {
    const none = new Map();
    expect(() => frozenValues(graph, { backbone: none, upsampler: values('upsampler') }, of)).toThrow(
      /the weights of toy do not fit: "proj\..*found nothing.*--weights FILE/,
    );
    expect(() => frozenValues(graph, { backbone: values('backbone'), upsampler: none }, of)).toThrow(
      /the weights of naf do not fit: .*--upsampler-weights naf=FILE/,
    );
  });
});
