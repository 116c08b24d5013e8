import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.ts';
import { openDataset } from '../../datasets/registry.ts';
import { TRAIN_AUGMENT } from '../augment.ts';
import { PAPER_SAMPLER } from '../sampler.ts';
import { sampleIndex, type TrainingSample } from '../samples.ts';
import { Batches } from './batches.ts';
import { inThisThread, type SampleLoader } from './loader.ts';
import { packError, unpackError } from './messages.ts';
import { openLoader } from './open-loader.ts';
import { WorkerPool } from './pool.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'clickprobe-loader-'));
const compiled = join(folder, 'src', 'training', 'loader');
const script = pathToFileURL(join(compiled, 'worker.js'));
const seed = 5;
const request = {
  seed,
  stream: 'train',
  augment: TRAIN_AUGMENT,
  sampler: PAPER_SAMPLER,
  minArea: 80,
  keepBackground: 0.01,
} as const;

// a thread of Node runs JavaScript: what the build makes of the sources as they are now
beforeAll(() => {
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const sources = ['worker', 'open-loader'].map(name => join(repository, 'src/training/loader', `${name}.ts`));
  const config = {
    extends: join(repository, 'tsconfig.build.json'),
    compilerOptions: { rootDir: repository, outDir: folder, noCheck: true, types: [] },
    files: sources,
    include: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  execFileSync(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-p', folder]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pools: WorkerPool[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
});

async function poolOf(spec: string, threads: number, own = script): Promise<WorkerPool> {
  const dataset = await openDataset(spec, { seed, split: 'train' });
  const pool = new WorkerPool({ spec, seed, dataset, threads, script: own });
  pools.push(pool);
  return pool;
}

const here = async (spec: string) => inThisThread(await openDataset(spec, { seed, split: 'train' }));

async function steps(loader: SampleLoader, first: number, end: number): Promise<TrainingSample[]> {
  const batches = new Batches(loader, { batch: 4, first, end, sample: request });
  const samples: TrainingSample[] = [];
  for (let step = first; step < end; step++) samples.push(...(await batches.take(step)));
  return samples;
}

/** Samples with a hash for their pixels: comparing arrays element by element takes the tests seconds. */
const bits = (samples: TrainingSample[]) =>
  samples.map(({ image, target, ...rest }) => {
    const hash = createHash('sha1');
    for (const values of [image, target]) hash.update(new Uint8Array(values.buffer));
    return { ...rest, pixels: [image.length, target.length, hash.digest('hex')] };
  });

/** A worker that is not ours, for what ours should not do. */
function foreign(name: string, code: string): URL {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, `import { parentPort, threadId } from 'node:worker_threads';\n${code}`);
  return pathToFileURL(path);
}

const coco = fileURLToPath(new URL('../../../../shared/data/COCO_subset', import.meta.url));
const hasCoco = existsSync(coco);
if (!hasCoco) console.warn('skipped: samples of photos (needs ../shared/data/COCO_subset)');

describe('samples', () => {
  it('are the same to the bit from 1, 2 and 3 threads as from this one', async () => {
    const spec = 'synthetic:5';
    const expected = bits(await steps(await here(spec), 0, 3));
    expect(new Set(expected.map(({ id }) => id)).size).toBeGreaterThan(2);
    for (const threads of [1, 2, 3]) expect(bits(await steps(await poolOf(spec, threads), 0, 3))).toEqual(expected);
  });

  it.skipIf(!hasCoco)('are the same on photos', async () => {
    const expected = bits(await steps(await here(`coco:${coco}`), 0, 3));
    expect(bits(await steps(await poolOf(`coco:${coco}`, 2), 0, 3))).toEqual(expected);
  });

  it('are the same where training goes on in the middle, and for the next probe', async () => {
    const spec = 'synthetic:3';
    const pool = await poolOf(spec, 2);
    const straight = bits(await steps(pool, 0, 4));
    expect(bits(await steps(await poolOf(spec, 1), 2, 4))).toEqual(straight.slice(8));
    expect(bits(await steps(pool, 0, 4))).toEqual(straight);
  });
});

describe('threads', () => {
  const telling = () =>
    foreign(
      'telling',
      `parentPort.on('message', ({ id }) => parentPort.postMessage({ id, sample: { id: threadId } }));`,
    );

  it('keep to their images, and serve every training of the run', async () => {
    const dataset = await openDataset('synthetic:10', { seed, split: 'train' });
    const pool = await poolOf('synthetic:10', 3, telling());
    const threadOf = new Map<number, Set<unknown>>();
    for (const first of [0, 0, 8]) {
      const samples = await steps(pool, first, first + 8);
      samples.forEach(({ id }, i) => {
        const at = { ...request, step: first + Math.floor(i / 4), slot: i % 4 };
        const index = sampleIndex(dataset, at);
        threadOf.set(index, (threadOf.get(index) ?? new Set()).add(id));
      });
    }
    expect(threadOf.size).toBe(10);
    expect([...threadOf.values()].map(({ size }) => size)).toEqual(Array(10).fill(1));
    expect(new Set([...threadOf.values()].flatMap(set => [...set])).size).toBe(3);
  });

  it('are as many as asked for', async () => {
    const dataset = await openDataset('synthetic:2', { seed, split: 'train' });
    const source = { spec: 'synthetic:2', seed, dataset };
    expect(openLoader(source, 0)).not.toBeInstanceOf(WorkerPool);
    expect(openLoader(source, 2)).toBeInstanceOf(WorkerPool);
    expect(openLoader(source, null)).toBeInstanceOf(WorkerPool);
  });
});

describe('a damaged photo', () => {
  const root = join(folder, 'set');
  beforeAll(async () => {
    for (const part of ['images', 'masks']) mkdirSync(join(root, part), { recursive: true });
    const noise = Buffer.from(Uint8Array.from({ length: 96 * 64 * 3 }, (_, i) => (i * 7919) % 251));
    const photo = sharp(noise, { raw: { width: 96, height: 64, channels: 3 } });
    const mask = sharp(Buffer.alloc(96 * 64, 0).fill(255, 0, 2000), { raw: { width: 96, height: 64, channels: 1 } });
    await photo.jpeg().toFile(join(root, 'images', 'a.jpg'));
    await mask.png().toFile(join(root, 'masks', 'a.png'));
    for (const [from, to] of [
      ['images/a.jpg', 'images/b.jpg'],
      ['masks/a.png', 'masks/b.png'],
    ]) {
      cpSync(join(root, from), join(root, to));
    }
    truncateSync(join(root, 'images', 'b.jpg'), 700);
  });

  it('fails the step that needs it, with the error it has in this thread', async () => {
    const spec = `berkeley:${root}`;
    const errorOf = async (loader: SampleLoader) => {
      const batches = new Batches(loader, { batch: 1, first: 0, end: 20, sample: request });
      for (let step = 0; step < 20; step++) {
        const error = await batches.take(step).then(
          () => null,
          caught => caught,
        );
        if (error) return { step, error, message: error.message, exitCode: error.exitCode };
      }
      throw new Error('no step failed');
    };
    const expected = await errorOf(await here(spec));
    const given = await errorOf(await poolOf(spec, 2));
    expect(given.error).toBeInstanceOf(UserError);
    expect(given.message).toContain('b.jpg');
    expect({ ...given, error: null }).toEqual({ ...expected, error: null });
  });

  it('is not the end of the thread', async () => {
    const spec = `berkeley:${root}`;
    const dataset = await openDataset(spec, { seed, split: 'train' });
    const pool = await poolOf(spec, 1);
    const results = new Map<string, string>();
    for (let step = 0; step < 20; step++) {
      const at = { ...request, step, slot: 0 };
      const result = await pool.draw(at).then(
        () => 'drawn',
        () => 'failed',
      );
      results.set(`${dataset.ids[sampleIndex(dataset, at)]} ${result}`, result);
    }
    expect([...results.keys()].sort()).toEqual(['a.jpg drawn', 'b.jpg failed']);
  });

  it('keeps class, exit code and stack across threads', () => {
    const full = unpackError(structuredClone(packError(new UserError('disk full', { exitCode: 74 }))));
    expect(full).toBeInstanceOf(UserError);
    expect(full).toMatchObject({ message: 'disk full', exitCode: 74 });
    const defect = new TypeError('x is not a function');
    const kept = unpackError(structuredClone(packError(defect)));
    expect(kept).not.toBeInstanceOf(UserError);
    expect(kept).toMatchObject({ message: defect.message, stack: defect.stack });
    expect(unpackError(packError('thrown text')).message).toBe('thrown text');
  });
});

describe('a dataset that the thread cannot open', () => {
  it('fails the draws with its error', async () => {
    const dataset = await openDataset('synthetic:2', { seed, split: 'train' });
    const pool = new WorkerPool({ spec: `coco:${folder}/gone`, seed, dataset, threads: 1, script });
    pools.push(pool);
    await expect(pool.draw({ ...request, step: 0, slot: 0 })).rejects.toThrow(/gone/);
    await expect(pool.draw({ ...request, step: 1, slot: 0 })).rejects.toThrow(UserError);
  });
});

describe('a thread that dies', () => {
  const first = { ...request, step: 0, slot: 0 };

  it('without a word: a clear error, for what it was asked and all that comes', async () => {
    const pool = await poolOf('synthetic:2', 1, foreign('exits', `parentPort.on('message', () => process.exit(7));`));
    const both = await Promise.allSettled([pool.draw(first), pool.draw({ ...first, slot: 1 })]);
    for (const result of [...both, ...(await Promise.allSettled([pool.draw(first)]))]) {
      expect(result.status).toBe('rejected');
      const { reason } = result as PromiseRejectedResult;
      expect(reason).toBeInstanceOf(UserError);
      expect(reason.message).toMatch(/data thread ended unexpectedly with code 7.*--set training\.workers=0/);
    }
  });

  it('of a defect: that error, with its stack', async () => {
    const throws = foreign('throws', `parentPort.on('message', () => { throw new TypeError('a defect'); });`);
    const error = await (await poolOf('synthetic:2', 1, throws)).draw(first).catch(caught => caught);
    expect(error).not.toBeInstanceOf(UserError);
    expect(error.message).toBe('a defect');
    expect(error.stack).toContain('throws.mjs');
  });

  it('of memory: says so', async () => {
    const code = `Object.assign(new Error('reaching memory limit'), { code: 'ERR_WORKER_OUT_OF_MEMORY' })`;
    const pool = await poolOf(
      'synthetic:2',
      1,
      foreign('memory', `parentPort.on('message', () => { throw ${code}; });`),
    );
    const error = await pool.draw(first).catch(caught => caught);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(/ran out of memory.*training\.workers=0/);
  });
});

describe('close', () => {
  it('fails what is still being drawn, and what is asked for later', async () => {
    const pool = await poolOf('synthetic:2', 1);
    const under = expect(pool.draw({ ...request, step: 0, slot: 0 })).rejects.toThrow('the loader is closed');
    await new Promise(resolve => setTimeout(resolve, 1));
    await pool.close();
    await under;
    await expect(pool.draw({ ...request, step: 1, slot: 0 })).rejects.toThrow('the loader is closed');
  });

  it('leaves nothing behind: the process ends by itself', async () => {
    const spec = hasCoco ? `coco:${coco}` : 'synthetic:3';
    const program = join(folder, 'leak.mjs');
    const url = (path: string) => JSON.stringify(pathToFileURL(join(folder, 'src', path)).href);
    writeFileSync(
      program,
      `import { openDataset } from ${url('datasets/registry.js')};
        import { openLoader } from ${url('training/loader/open-loader.js')};
        const [spec, request] = process.argv.slice(2);
        const dataset = await openDataset(spec, { seed: 5, split: 'train' });
        for (let wait = 0; wait < 4; wait++) {
          const loader = openLoader({ spec, seed: 5, dataset }, 2);
          const draws = [0, 1, 2, 3, 4, 5].map(step => loader.draw({ ...JSON.parse(request), step, slot: 0 }));
          const settled = Promise.allSettled(draws);
          // once after the first sample, then at any moment of the next
          await draws[0];
          await new Promise(resolve => setTimeout(resolve, 7 * wait));
          await loader.close();
          await settled;
        }
        console.log('closed');`,
    );
    const child = spawn(process.execPath, [program, spec, JSON.stringify(request)], { timeout: 60_000 });
    let out = '';
    let closedAt = 0;
    child.stdout.on('data', text => {
      out += text;
      closedAt = performance.now();
    });
    child.stderr.on('data', text => {
      out += text;
    });
    const code = await new Promise(resolve => child.on('close', resolve));
    expect(out).toBe('closed\n');
    expect(code).toBe(0);
    expect(performance.now() - closedAt).toBeLessThan(5000);
  });
});
