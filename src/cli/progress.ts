import type { RunEvent, Stage } from '../experiments/events.ts';

interface StageState extends Stage {
  done: number;
  /** Time spent on units done by this process. */
  seconds: number;
  measured: number;
}

/** Follows a run's events and says where it is and how long it will still take. */
export class ProgressTracker {
  private stages: StageState[] = [];
  private current = -1;
  private last = performance.now();
  private detail = '';

  update(event: RunEvent): void {
    if (event.type === 'plan') this.stages = event.stages.map(s => ({ ...s, done: 0, seconds: 0, measured: 0 }));
    if (event.type !== 'progress') return;
    const now = performance.now();
    const stage = this.stages[event.stage];
    const units = event.done - stage.done;
    // the first event of a stage tells what an earlier process did, which says nothing about speed
    const begins = event.stage !== this.current;
    if (!begins) {
      stage.measured += units;
      stage.seconds += (now - this.last) / 1000;
    }
    stage.done = event.done;
    this.current = event.stage;
    this.last = now;
    this.detail = event.detail || (begins ? '' : this.detail);
  }

  /** Seconds left, or null before anything was measured. What was never measured is taken to cost the mean of the rest. */
  secondsLeft(): number | null {
    const rates = new Map<string, number>();
    for (const kind of new Set(this.stages.map(s => s.kind))) {
      const rate = meanRate(this.stages.filter(s => s.kind === kind));
      if (rate !== null) rates.set(kind, rate);
    }
    const overall = meanRate(this.stages);
    if (overall === null) return null;
    return this.stages.reduce((total, s) => total + (s.units - s.done) * (rates.get(s.kind) ?? overall), 0);
  }

  /** One line: which probe, what it does, how far it is, time left. */
  line(): string {
    const stage = this.stages[this.current];
    if (!stage) return 'preparing';
    const probes = [...new Set(this.stages.map(s => s.upsampler))];
    const left = this.secondsLeft();
    return [
      `[${probes.indexOf(stage.upsampler) + 1}/${probes.length}] ${stage.upsampler}: ${stage.kind} ${stage.done}/${stage.units}`,
      this.detail,
      left === null ? '' : `${duration(left)} left`,
    ]
      .filter(part => part !== '')
      .join('  |  ');
  }
}

function meanRate(stages: readonly StageState[]): number | null {
  const measured = stages.reduce((total, s) => total + s.measured, 0);
  return measured === 0 ? null : stages.reduce((total, s) => total + s.seconds, 0) / measured;
}

/** 75 -> "1 min 15 s". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (h > 0) return `${h} h ${m} min`;
  return m > 0 ? `${m} min ${s} s` : `${s} s`;
}

/** A status line that rewrites itself on a terminal, and says where things are now and then elsewhere. */
export class StatusLine {
  private shown = 0;
  private lastPlain = 0;

  constructor(private readonly out: NodeJS.WriteStream) {}

  status(text: string): void {
    if (this.out.isTTY) {
      const fitted = text.slice(0, Math.max(20, (this.out.columns ?? 80) - 1));
      this.out.write(`\r${fitted.padEnd(this.shown)}`);
      this.shown = fitted.length;
    } else if (performance.now() - this.lastPlain > 10_000) {
      this.lastPlain = performance.now();
      this.out.write(`${text}\n`);
    }
  }

  /** A line that stays. */
  print(text: string): void {
    this.clear();
    this.out.write(`${text}\n`);
  }

  clear(): void {
    if (this.shown > 0) this.out.write(`\r${' '.repeat(this.shown)}\r`);
    this.shown = 0;
  }
}
