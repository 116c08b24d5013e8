import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const here = fileURLToPath(new URL('.', import.meta.url));
const script = join(here, '../dist/bench/speed.js');
const folder = mkdtempSync(join(tmpdir(), 'bench-speed-'));
const quick = ['--size', '28', '--runs', '1', '--threads', '1'];

beforeAll(() => {
  const sources = readdirSync(here).filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  const changed = Math.max(...sources.map(name => statSync(join(here, name)).mtimeMs));
  if (!existsSync(script) || statSync(script).mtimeMs < changed) throw new Error('dist/bench is old: npm run build');
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (args: readonly string[], env = process.env) =>
  spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', env });

/** A peer that notes how it was called and answers with the next of these lines; where none is left it fails. */
function fakePeer(name: string, lines: readonly string[]) {
  const [file, log] = [join(folder, `${name}.mjs`), join(folder, `${name}.log`)];
  writeFileSync(log, '');
  writeFileSync(
    file,
    `import { appendFileSync, readFileSync } from 'node:fs';
const calls = readFileSync(${JSON.stringify(log)}, 'utf8').split('\\n').length - 1;
const { OPENBLAS_CORETYPE, OPENBLAS_L2_SIZE } = process.env;
appendFileSync(${JSON.stringify(log)}, JSON.stringify([process.argv.slice(2), { OPENBLAS_CORETYPE, OPENBLAS_L2_SIZE }]) + '\\n');
const line = ${JSON.stringify(lines)}[calls];
if (line === undefined) throw new Error('the fake peer has no more to say');
console.log(line);
`,
  );
  const calls = () =>
    readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
  return { args: ['--peer', file, '--python', process.execPath], calls };
}

const answer = (median_s: number, peak_rss_mb: number) => JSON.stringify({ what: 'head', median_s, peak_rss_mb });

describe('bench:speed', () => {
  it('--json prints exactly one object a line, ours beside the peer', () => {
    const peer = fakePeer('json', [answer(1.5, 500), answer(2.5, 501)]);
    const env = { ...process.env, OPENBLAS_CORETYPE: 'Prescott', OPENBLAS_L2_SIZE: '1024' };
    const { stdout, stderr, status } = run(['head', '--rounds', '2', '--json', ...quick, ...peer.args], env);
    expect(status, stderr).toBe(0);
    expect(stdout.endsWith('}\n')).toBe(true);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    const line = JSON.parse(stdout);
    expect(Object.keys(line)).toEqual(['what', 'ours_s', 'torch_s', 'ratio', 'ours_peak_mb', 'torch_peak_mb']);
    expect(line).toMatchObject({ what: 'head', torch_s: 2, torch_peak_mb: 501 });
    expect(line.ours_s).toBeGreaterThan(0);
    expect(line.ratio).toBeCloseTo(2 / line.ours_s, 2);
    expect(line.ours_peak_mb).toBeGreaterThan(50);
    const call = [['head', '--runs', '1', '--threads', '1', '--size', '28'], {}];
    expect(peer.calls()).toEqual([call, call]);
    expect(stderr.match(/round \d of 2: (ours|torch)/g)).toEqual([
      'round 1 of 2: ours',
      'round 1 of 2: torch',
      'round 2 of 2: ours',
      'round 2 of 2: torch',
    ]);
  });

  it('the table has a line for the workload; a failing peer is said and left out', () => {
    const peer = fakePeer('broken', []);
    const { stdout, stderr, status } = run(['head', '--rounds', '1', ...quick, ...peer.args]);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^workload +ours s +torch s +ratio +ours MB +torch MB\nhead +[\d.]+ +– +– +\d+ +–\n/);
    expect(stderr).toContain('THE PEER FAILED');
    expect(stderr).toContain('the fake peer has no more to say');
  });

  it('a failing workload of ours is named, the others are in the table, the exit code is 1', () => {
    // no whole number of the ViT's patches; the head alone takes it
    const odd = ['--size', '20', '--runs', '1', '--threads', '1', '--rounds', '1', '--no-peer'];
    const { stdout, stderr, status } = run(['click', 'head', ...odd]);
    expect(status, stderr).toBe(1);
    expect(stdout).toMatch(/^workload .*\nhead +[\d.]+ .*\nratio/);
    expect(stderr).toMatch(/click: FAILED.*\nFAILED: click\n$/s);
    const alone = run(['click', '--json', ...odd]);
    expect([alone.status, alone.stdout]).toEqual([1, '']);
  });

  it('--no-peer gives nulls', () => {
    const { stdout, stderr, status } = run(['head', '--rounds', '1', '--json', '--no-peer', ...quick]);
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ what: 'head', torch_s: null, ratio: null, torch_peak_mb: null });
  });

  it.each([
    [['hed'], 'unknown workload "hed"; did you mean "head"?'],
    [['head', '--rounds', '0'], '--rounds: expected a whole number above 0, given "0"'],
    [['head', '--runs', 'many'], '--runs: expected a whole number above 0, given "many"'],
    [['head', '--peer', 'no/such/peer.py'], 'no/such/peer.py'],
    [['head', '--round', '3'], "unknown option '--round'"],
  ])('%j is refused: %s', (args, message) => {
    const { stdout, stderr, status } = run(args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
  });

  it('--help teaches', () => {
    const { stdout, status } = run(['--help']);
    expect(status).toBe(0);
    for (const word of ['head', 'train', 'click', 'later-click', '--rounds', '--no-peer', 'apt-get', 'Examples'])
      expect(stdout).toContain(word);
    expect(stdout).not.toContain('ours <workload>');
  });
});
