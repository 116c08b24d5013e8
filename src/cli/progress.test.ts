import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Stage } from '../experiments/events.ts';
import { duration, ProgressTracker, StatusLine } from './progress.ts';

let now = 0;
beforeEach(() => {
  now = 5000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => vi.restoreAllMocks());

const stages: Stage[] = ['none', 'jbu'].flatMap(upsampler => [
  { kind: 'train', upsampler, units: 100 },
  { kind: 'evaluate grabcut', upsampler, units: 50 },
]);

function tracker(): ProgressTracker {
  const made = new ProgressTracker();
  made.update({ type: 'plan', stages });
  return made;
}

/** Some time passes, then a stage has come so far. */
function reach(seconds: number, progress: ProgressTracker, stage: number, done: number, detail = ''): void {
  now += 1000 * seconds;
  progress.update({ type: 'progress', stage, done, detail });
}

describe('time left', () => {
  it('is not known before anything was measured', () => {
    const progress = new ProgressTracker();
    expect(progress.secondsLeft()).toBeNull();
    progress.update({ type: 'plan', stages });
    expect(progress.secondsLeft()).toBeNull();
    reach(100, progress, 0, 0);
    expect(progress.secondsLeft()).toBeNull();
    reach(1, progress, 0, 1);
    expect(progress.secondsLeft()).not.toBeNull();
  });

  it('takes what was never measured for the mean of the rest, then each kind for its own', () => {
    const progress = tracker();
    reach(30, progress, 0, 0);
    reach(20, progress, 0, 10);
    // 2 s a unit, 290 left
    expect(progress.secondsLeft()).toBeCloseTo(580, 9);
    reach(180, progress, 0, 100);
    expect(progress.secondsLeft()).toBeCloseTo(400, 9);
    reach(40, progress, 1, 0);
    expect(progress.secondsLeft()).toBeCloseTo(400, 9);
    reach(5, progress, 1, 10);
    // of evaluation .5 s a unit and 40 + 50 left, of training 2 s and 100
    expect(progress.secondsLeft()).toBeCloseTo(245, 9);
  });

  it('averages a kind over the probes', () => {
    const progress = tracker();
    reach(0, progress, 0, 0);
    reach(100, progress, 0, 100);
    reach(0, progress, 1, 0);
    reach(50, progress, 1, 50);
    reach(0, progress, 2, 0);
    reach(300, progress, 2, 50);
    // 400 s for 150 units of training; evaluation 1 s a unit
    expect(progress.secondsLeft()).toBeCloseTo((50 * 400) / 150 + 50, 9);
  });

  it('does not count what an earlier process did', () => {
    const progress = tracker();
    reach(1, progress, 0, 100);
    reach(0, progress, 0, 100);
    reach(1, progress, 1, 50);
    reach(0, progress, 1, 50);
    expect(progress.secondsLeft()).toBeNull();
    reach(1, progress, 2, 60);
    expect(progress.secondsLeft()).toBeNull();
    reach(30, progress, 2, 70);
    // 3 s a unit: 30 of training and 50 of evaluation
    expect(progress.secondsLeft()).toBeCloseTo(240, 9);
  });

  it('is nothing at the end', () => {
    const progress = tracker();
    stages.forEach(({ units }, stage) => {
      reach(1, progress, stage, 0);
      reach(1, progress, stage, units);
    });
    expect(progress.secondsLeft()).toBe(0);
  });

  it('is not touched by rows and notes', () => {
    const progress = tracker();
    reach(0, progress, 0, 0);
    reach(10, progress, 0, 10);
    now += 60_000;
    progress.update({ type: 'note', text: 'going on' });
    expect(progress.secondsLeft()).toBeCloseTo(290, 9);
  });
});

describe('the line', () => {
  it('says which probe, what, how far, and how long', () => {
    const progress = tracker();
    expect(progress.line()).toBe('preparing');
    reach(0, progress, 0, 0);
    expect(progress.line()).toBe('[1/2] none: train 0/100');
    reach(30, progress, 0, 10, 'loss 0.5');
    expect(progress.line()).toBe('[1/2] none: train 10/100  |  loss 0.5  |  14 min 30 s left');
    reach(270, progress, 0, 100);
    expect(progress.line()).toBe('[1/2] none: train 100/100  |  loss 0.5  |  10 min 0 s left');
    reach(0, progress, 3, 20);
    // details are not those of the stage before
    expect(progress.line()).toBe('[2/2] jbu: evaluate grabcut 20/50  |  9 min 0 s left');
  });
});

describe('duration', () => {
  it.each([
    [0, '0 s'],
    [-3, '0 s'],
    [0.4, '0 s'],
    [59.4, '59 s'],
    [59.5, '1 min 0 s'],
    [75, '1 min 15 s'],
    [3599.4, '59 min 59 s'],
    [3599.5, '1 h 0 min'],
    [7325, '2 h 2 min'],
    [100 * 3600, '100 h 0 min'],
  ])('%d s: %s', (seconds, text) => expect(duration(seconds)).toBe(text));
});

describe('StatusLine', () => {
  function output(isTTY: boolean, columns?: number) {
    const written: string[] = [];
    const stream = { isTTY, columns, write: (text: string) => written.push(text) > 0 };
    return { line: new StatusLine(stream as unknown as NodeJS.WriteStream), written };
  }

  /** What a terminal shows after some output: its lines, without trailing blanks. */
  function screen(written: readonly string[]): string[] {
    const lines = [''];
    let column = 0;
    for (const char of written.join('')) {
      const last = lines.length - 1;
      if (char === '\n') column = lines.push('') * 0;
      else if (char === '\r') column = 0;
      else {
        lines[last] = lines[last].slice(0, column).padEnd(column) + char + lines[last].slice(column + 1);
        column++;
      }
    }
    return lines.map(line => line.trimEnd());
  }

  it('rewrites itself on a terminal, leaving nothing of a longer line', () => {
    const { line, written } = output(true, 80);
    line.status('a long line');
    line.status('short');
    expect(screen(written)).toEqual(['short']);
    line.print('a line that stays');
    line.status('next');
    expect(screen(written)).toEqual(['a line that stays', 'next']);
    line.clear();
    expect(screen(written)).toEqual(['a line that stays', '']);
  });

  it.each([
    [30, 29],
    [undefined, 79],
    [10, 20],
  ])('fits a terminal of %s columns', (columns, length) => {
    const { line, written } = output(true, columns);
    line.status('x'.repeat(200));
    expect(screen(written)).toEqual(['x'.repeat(length)]);
  });

  it('clears nothing where nothing was shown', () => {
    const { line, written } = output(true);
    line.clear();
    line.print('done');
    expect(written).toEqual(['done\n']);
  });

  it('elsewhere says where things are every ten seconds, in whole lines', () => {
    const { line, written } = output(false);
    now = 10_001;
    line.status('one');
    now += 9000;
    line.status('two');
    line.print('a row');
    now += 1001;
    line.status('three');
    expect(written).toEqual(['one\n', 'a row\n', 'three\n']);
  });
});
