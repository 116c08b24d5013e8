import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../dist/bench/memory.js', import.meta.url));
const run = (...args: string[]) => spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });

describe('bench:memory', () => {
  it('hands every option to the process that measures', () => {
    const given = ['--size', '70', '--injection', 'late', '--flip', '--memory', '.5', '--threads', '1'];
    const { stdout, stderr, status } = run('none', 'bilinear', '--json', ...given);
    expect(status, stderr).toBe(0);
    const lines = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(lines).toMatchObject([
      { method: 'none', backbone: 'mobilesam', size: 64, flip: true },
      { method: 'bilinear', backbone: 'mobilesam', size: 64, flip: true },
    ]);
    for (const { peakMb, baselineMb } of lines) expect(peakMb).toBeGreaterThan(baselineMb);
  });

  it.each([
    [['bilinea'], 'did you mean "bilinear"?'],
    [['--backbone', 'mobilsam'], 'did you mean "mobilesam"?'],
    [['--size', '-1'], '--size: expected a whole number above 0, given "-1"'],
    [['--memory', 'much'], '--memory: expected a number above 0, given "much"'],
    [['--injection', 'often'], 'Allowed choices are early, late'],
    [['--sise', '3'], "unknown option '--sise'"],
  ])('%j is refused: %s', (args, message) => {
    const { stdout, stderr, status } = run(...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
  });
});
