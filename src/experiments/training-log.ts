import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { appendLine, writeFileAtomic } from '../base/files.ts';
import type { Mask, RgbImage } from '../base/raster.ts';
import { encodePng } from '../report/encode.ts';
import { drawOverlay } from '../report/overlay.ts';
import { openEventLog } from '../report/tensorboard/event-log.ts';
import type { Look, StepReport } from '../training/trainer.ts';

/** What training tells: JSON lines for machines, TensorBoard events beside them for people. */
export interface TrainingLog {
  step(report: StepReport): void;
  /** A sample with its clicks: what was predicted, and what is true. */
  look(step: number, look: Look): Promise<void>;
  close(): void;
}

/**
 * Opens the log `path` (one JSON object a step) and TensorBoard's events in its folder. What a log has from `done` steps
 * on is dropped: those steps come again.
 *
 * @throws UserError where the folder cannot be written
 */
export function openTrainingLog(path: string, done: number): TrainingLog {
  if (existsSync(path)) {
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, done);
    writeFileAtomic(path, lines.map(line => `${line}\n`).join(''));
  }
  const events = openEventLog(dirname(path), done > 0 ? { resumeStep: done + 1 } : {});
  return {
    step(report) {
      appendLine(path, JSON.stringify(report));
      const { loss, iou, rate, seconds, waited } = report;
      events.scalars(report.step, Date.now() / 1000, {
        'train/loss': loss,
        'train/iou': iou,
        'train/learning rate': rate,
        'time/step': seconds,
        'time/waited': waited,
      });
    },
    async look(step, { sample, points, logits }) {
      const { width, height } = sample;
      const image = toRgb(sample.image, width, height);
      const clicks = points.map(({ row, col, positive }) => ({ x: col, y: row, positive }));
      const mask = (inside: (i: number) => boolean): Mask => ({
        width,
        height,
        data: Uint8Array.from({ length: width * height }, (_, i) => Number(inside(i))),
      });
      const predicted = mask(i => logits[i] > 0);
      const truth = mask(i => sample.target[i] === 1);
      events.image(step, 'sample/prediction', await encodePng(drawOverlay(image, { mask: predicted, clicks })));
      events.image(step, 'sample/truth', await encodePng(drawOverlay(image, { mask: truth })));
    },
    close: () => events.close(),
  };
}

/** A picture from planes [3,H,W] of 0..1. */
function toRgb(planes: Float32Array, width: number, height: number): RgbImage {
  const area = width * height;
  const data = new Uint8Array(3 * area);
  for (let i = 0; i < 3 * area; i++) data[i] = Math.round(255 * planes[(i % 3) * area + Math.floor(i / 3)]);
  return { width, height, data };
}
