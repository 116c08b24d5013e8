import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { datasetKinds } from '../../src/datasets/registry.ts';
import { type ArchiveEntry, tarArchive, zipArchive } from '../support/archives.ts';
import { breaksOffAfter, inTurn, serves, stallsAfter, status, UnreliableServer } from '../support/unreliable-server.ts';
import { type Finished, run, start } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-data-'));
const server = new UnreliableServer();
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterAll(() => server.stop());

/** A picture that is not flat, 24x16. */
const pixels = Buffer.from(Uint8Array.from({ length: 24 * 16 * 3 }, (_, i) => ((i % 72) * 3 + (i >> 5)) % 256));
const picture = () => sharp(pixels, { raw: { width: 24, height: 16, channels: 3 } });
const mask = (size: number) =>
  sharp(Buffer.alloc(size * size).fill(255, 0, 9), { raw: { width: size, height: size, channels: 1 } })
    .png()
    .toBuffer();

/** DAVIS in all that can be counted: 345 frames with a mask each. */
let davis: Buffer;
beforeAll(async () => {
  await server.start();
  const photo = await sharp({ create: { width: 4, height: 4, channels: 3, background: '#405060' } })
    .jpeg()
    .toBuffer();
  const gt = await mask(4);
  const names = Array.from({ length: 345 }, (_, i) => `frame${String(i).padStart(3, '0')}`);
  davis = zipArchive(
    names.flatMap((name): ArchiveEntry[] => [
      { name: `DAVIS/img/${name}.jpg`, data: photo, method: 0 },
      { name: `DAVIS/gt/${name}.png`, data: gt },
    ]),
  );
});
beforeEach(() => {
  server.seen.length = 0;
});

let count = 0;
const freshFolder = () => join(folder, `set${count++}`);
const get = (name: string, to: string, sources: readonly string[], ...more: string[]) => [
  ...['data', 'get', name, '--to', to, '--stall', '0.4', '--attempts', '2'],
  ...sources.flatMap(source => ['--source', source]),
  ...more,
];
const until = async (condition: () => boolean) => {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise(resolve => setTimeout(resolve, 10));
  expect(condition()).toBe(true);
};
const partOf = (to: string) => join(`${to}.get`, 'DAVIS.zip.part');
const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

describe('data list', () => {
  it('has a line for every kind, with how to write it', async () => {
    const { out, code } = await run(['data', 'list']);
    expect(code).toBe(0);
    for (const { name } of datasetKinds) expect(out).toMatch(new RegExp(`^${name} .*\\b${name}`, 'm'));
    expect(out).toMatch(/^davis +evaluation +- +345 \/ 345 +~43\.0 MB +davis:DIR /m);
    expect(out).toMatch(/^ade20k .* by hand /m);
  });

  it('prints JSON', async () => {
    const { out, code } = await run(['data', 'list', '--json']);
    expect(code).toBe(0);
    const entries = JSON.parse(out);
    expect(entries.map((entry: { name: string }) => entry.name)).toEqual(datasetKinds.map(({ name }) => name));
    expect(entries.find((entry: { name: string }) => entry.name === 'coco')).toMatchObject({
      write: 'coco:DIR',
      get: [{ name: 'coco', automatic: true, exact: true }, { name: 'coco-val2017' }],
    });
  });
});

describe('data get', () => {
  it('tries source after source, goes on where one broke off, and says how to use the set', async () => {
    const to = freshFolder();
    const sources = [
      server.on('/gone', status(404)),
      server.on('/page', serves(Buffer.from('<html>Sign in</html>'))),
      server.on('/silent', () => {}),
      server.on('/moved', status(302, { location: '/DAVIS.zip' })),
    ];
    server.on('/DAVIS.zip', inTurn(breaksOffAfter(davis, 30_000), serves(davis)));
    const { out, err, code } = await run(get('davis', to, sources));
    expect(err).toMatch(/\/gone: it answers 404.*trying the next source/);
    expect(err).toMatch(/\/page: .*it is a web page.*trying the next source/);
    expect(err).toMatch(/\/silent: no answer for 0\.4 s \(2 attempts\); trying the next source/);
    expect(err).toMatch(/\/moved: the connection broke off; trying again/);
    expect(out).toContain(`davis:${to}: ok`);
    expect(out).toContain('345 images, 345 objects');
    expect(out).toContain(`clickprobe bench --datasets davis:${to}`);
    expect(code).toBe(0);
    expect(server.seen.at(-1)).toMatchObject({ path: '/DAVIS.zip', range: 'bytes=30000-', ifRange: '"1"' });
    expect(readdirSync(to).sort()).toEqual(['gt', 'img']);
    expect(existsSync(`${to}.get`)).toBe(false);

    const again = await run(get('davis', to, ['http://127.0.0.1:1/']));
    expect(again.err).toContain('is there already, nothing is fetched');
    expect(again.code).toBe(0);
  });

  /** Lets the command stall in the middle of the file and stops it there. */
  async function stoppedMidway(to: string, signal: NodeJS.Signals): Promise<{ source: string; finished: Finished }> {
    const source = server.on('/DAVIS.zip', stallsAfter(davis, 40_000));
    const running = start(get('davis', to, [source], '--stall', '60'));
    await until(() => sizeOf(partOf(to)) === 40_000);
    running.process.kill(signal);
    const finished = await running.finished;
    expect(existsSync(to)).toBe(false);
    server.on('/DAVIS.zip', serves(davis));
    return { source, finished };
  }

  it('goes on after it was killed', async () => {
    const to = freshFolder();
    const { source, finished } = await stoppedMidway(to, 'SIGKILL');
    expect(finished.signal).toBe('SIGKILL');
    expect((await run(get('davis', to, [source]))).code).toBe(0);
    expect(server.seen.map(({ range }) => range)).toEqual([undefined, 'bytes=40000-']);
    expect(readdirSync(join(to, 'img'))).toHaveLength(345);
  });

  it('stops in order on Ctrl-C, and begins anew if the file has changed since', async () => {
    const to = freshFolder();
    const { source, finished } = await stoppedMidway(to, 'SIGINT');
    expect(finished.code).toBe(130);
    expect(finished.err).toContain('stopped; run the same command again to go on');
    expect(finished.err).not.toMatch(/\n {4}at /);
    writeFileSync(partOf(to), Buffer.alloc(40_000, 7));
    server.on('/DAVIS.zip', serves(davis, { etag: '"2"' }));
    expect((await run(get('davis', to, [source]))).code).toBe(0);
    expect(server.seen.map(({ range }) => range)).toEqual([undefined, 'bytes=40000-']);
  });

  it('lists in the end what each source answered, and leaves the folder alone', async () => {
    const to = freshFolder();
    const evil = zipArchive([{ name: '../../evil.txt', data: 'x' }, { name: 'img/a' }, { name: 'gt/a' }]);
    const sources = [
      server.on('/a', status(401)),
      server.on('/b', status(503)),
      server.on('/c', (_, response) => response.destroy()),
      server.on('/d', serves(evil)),
      server.on('/e', serves(tarArchive([{ name: 'img/x', type: '2' }, { name: 'gt/x' }], { gzip: true }))),
      server.on('/f', serves(davis.subarray(0, 50_000))),
    ];
    const { out, err, code } = await run(get('davis', to, sources));
    expect(code).toBe(69);
    expect(out).toBe('');
    const end = err.slice(err.indexOf('clickprobe: could not download'));
    expect(end).toMatch(/\/a: it answers 401, it wants a log-in or a token\n/);
    expect(end).toMatch(/\/b: it answers 503, it is not available now \(2 attempts\)\n/);
    expect(end).toMatch(/\/c: the connection broke off \(2 attempts\)\n/);
    expect(end).toMatch(/\/d: refused to unpack .*"\.\.\/\.\.\/evil\.txt" would be written outside/);
    expect(end).toMatch(/\/e: refused to unpack .*a link or a device/);
    expect(end).toMatch(/\/f: cannot unpack .*damaged or cut off/);
    expect(end).toMatch(/--source URL.*--mirror URL/);
    expect(existsSync(to)).toBe(false);
    expect(existsSync(join(folder, 'evil.txt'))).toBe(false);
  });

  it('takes a mirror first, and says so where what was fetched is not the set', async () => {
    const to = freshFolder();
    const archive = zipArchive([
      { name: 'images/101085.jpg', data: await picture().jpeg().toBuffer() },
      {
        name: 'masks/101085.png',
        data: await sharp({ create: { width: 24, height: 16, channels: 3, background: '#ffffff' } })
          .png()
          .toBuffer(),
      },
    ]);
    server.on('/sets/Berkeley.zip', serves(archive));
    const { out, err, code } = await run(get('berkeley', to, [], '--mirror', `${server.origin}/sets`));
    expect(code).toBe(1);
    expect(out).toContain('differs in 102 places');
    expect(out).toContain('1 images, published: 100');
    expect(out).toMatch(/and \d+ more/);
    expect(err).toContain('is not the set that papers mean');
    expect(readdirSync(to)).toEqual(['images', 'masks']);
  });

  it.each<[string[], RegExp]>([
    [['ade20k'], /cannot be fetched by a command.*Register at https:.*must then contain images\/ADE/s],
    [['davs'], /unknown set "davs"; did you mean "davis"/],
    [['davis', '--attempts', '0'], /expected a number above 0/],
  ])('%j is a wrong use', async (args, says) => {
    const { err, code } = await run(['data', 'get', ...args]);
    expect(err).toMatch(says);
    expect(err).not.toMatch(/\n {4}at /);
    expect(code).toBe(2);
  });
});

describe('data verify', () => {
  /** A folder of one's own with the picture in a format. */
  async function ownSet(name: string, format: 'jpeg' | 'png', broken = false): Promise<string> {
    const root = join(folder, name);
    for (const part of ['images', 'masks']) mkdirSync(join(root, part), { recursive: true });
    const extension = format === 'png' ? 'png' : 'jpg';
    writeFileSync(join(root, 'images', `${name}.${extension}`), await picture().toFormat(format).toBuffer());
    const flat = sharp({ create: { width: 24, height: 16, channels: 3, background: '#ffffff' } });
    writeFileSync(join(root, 'masks', `${name}.png`), broken ? 'x' : await flat.png().toBuffer());
    return root;
  }

  it('finds what sets share, whatever the format', async () => {
    const [a, b] = [await ownSet('alpha', 'jpeg'), await ownSet('beta', 'png')];
    const text = await run(['data', 'verify', `folder:${a}`, `folder:${b}`]);
    expect(text.out).toContain('share 1 photo: alpha.jpg = beta.png');
    expect(text.code).toBe(0);
    const { out } = await run(['data', 'verify', '--json', `folder:${a}`, `folder:${b}`]);
    expect(JSON.parse(out)).toMatchObject({
      sets: [{ spec: `folder:${a}`, comparedBy: 'reading', differences: [] }, { spec: `folder:${b}` }],
      shared: [{ a: `folder:${a}`, b: `folder:${b}`, pairs: [['alpha.jpg', 'beta.png']] }],
    });
  });

  it('tells by its exit code: 1 where a set differs, 2 for a wrong use', async () => {
    const broken = await ownSet('broken', 'jpeg', true);
    const differs = await run(['data', 'verify', `folder:${broken}`]);
    expect(differs.out).toMatch(/differs in 1 place\n.*\n {2}- .*broken\.jpg: cannot read/s);
    expect(differs.code).toBe(1);
    expect((await run(['data', 'verify', '--quick', `folder:${broken}`])).code).toBe(0);
    for (const args of [['grabcut:/nowhere'], ['folder:.', '--split', 'test']]) {
      const { code, err } = await run(['data', 'verify', ...args]);
      expect(code, err).toBe(2);
    }
  });

  const data = join(import.meta.dirname, '../../../shared/data');
  const present = existsSync(join(data, 'GrabCut')) && existsSync(join(data, 'Berkeley'));
  if (!present) console.warn(`skipped: data verify on the original sets, ${data} is absent`);
  it.skipIf(!present)(
    'knows GrabCut and Berkeley, their 17 common photos, and a copy with one mask changed',
    async () => {
      const specs = [`grabcut:${join(data, 'GrabCut')}`, `berkeley:${join(data, 'Berkeley')}`];
      const { out, code } = await run(['data', 'verify', ...specs]);
      expect(code).toBe(0);
      expect(out.match(/: ok \(every size, mask and photo compared/g)).toHaveLength(2);
      expect(out).toMatch(/share 17 photos: .*124080\.jpg = 124084\.jpg/);

      const copy = freshFolder();
      mkdirSync(copy);
      const changed = ['images', 'masks'].flatMap(part =>
        readdirSync(join(data, 'Berkeley', part)).map(name => ({
          name: `Berkeley/${part}/${name}`,
          data: readFileSync(join(data, 'Berkeley', part, name)),
          method: 0,
        })),
      );
      const [one, other] = ['101087', '21077'].map(id => changed.find(({ name }) => name.endsWith(`masks/${id}.png`))!);
      one.data = await sharp(one.data).flip().png().toBuffer();
      expect(other.data.length).toBeGreaterThan(0);
      const source = server.on('/Berkeley.zip', serves(zipArchive(changed)));
      const got = await run(get('berkeley', copy, [source]));
      expect(got.out).toMatch(/differs in 1 place\n.*- Berkeley: 101087: another mask\n$/s);
      expect(got.code).toBe(1);
    },
  );
});
