import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { appendLine, writeFileAtomic } from '../base/files.ts';
import { openEventLog } from '../report/tensorboard/event-log.ts';
import type { StepReport } from './trainer.ts';

export interface UpsamplerLog {
  step(report: StepReport): void;
  close(): void;
}

/**
 * Opens the log `path` (one JSON object a step) and TensorBoard's events in its folder. What a log has from `done` steps
 * on is dropped: those steps come again.
 *
 * @throws UserError where the folder cannot be written
 */
export function openUpsamplerLog(path: string, done: number): UpsamplerLog {
  if (existsSync(path)) {
    const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean).slice(0, done);
    writeFileAtomic(path, lines.map(line => `${line}\n`).join(''));
  }
  const events = openEventLog(dirname(path), done > 0 ? { resumeStep: done + 1 } : {});
  return {
    step(report) {
      appendLine(path, JSON.stringify(report));
      const { step, loss, parts, rate, gradient, seconds, prepared } = report;
      const named = Object.entries(parts).map(([name, value]) => [`train/${name}`, value] as const);
      events.scalars(step, Date.now() / 1000, {
        'train/loss': loss,
        ...Object.fromEntries(named),
        'train/learning rate': rate,
        'train/gradient': gradient,
        'time/step': seconds,
        'time/prepared': prepared,
      });
    },
    close: () => events.close(),
  };
}
