import { closeSync, openSync, readdirSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { makeFolder } from '../../base/files.ts';
import { imageEvent, scalarsEvent, startEvent, versionEvent } from './event.ts';
import { record } from './record.ts';

export interface EventLogOptions {
  /**
   * The first step that will be written anew: what the folder has from there on belongs to work that was lost and
   * disappears from the charts. Default: nothing is dropped.
   */
  resumeStep?: number;
}

/** An open event file. Each call is one write to the file, so that a killed process loses nothing that was logged. */
export interface EventLog {
  /**
   * @param step whole number from 0 on
   * @param wallTime seconds since 1970
   * @param values by tag, such as `loss` or `train/iou`; tags with a slash are shown in groups
   */
  scalars(step: number, wallTime: number, values: Record<string, number>): void;
  /** @param png a PNG file's bytes */
  image(step: number, tag: string, png: Uint8Array): void;
  close(): void;
}

/**
 * Starts a new TensorBoard event file (`events.out.tfevents.*`) in a folder; earlier files stay as they are, also one
 * that a crash cut off in the middle of an event. TensorBoard shows all files of a folder as one run.
 *
 * @throws UserError where the folder cannot be written
 *
 * @example
 * const log = openEventLog('runs/coco/probes/jbu', { resumeStep: 101 });
 * log.scalars(101, Date.now() / 1000, { loss: 0.3, iou: 0.7 });
 * log.close();
 */
export function openEventLog(folder: string, { resumeStep }: EventLogOptions = {}): EventLog {
  if (resumeStep !== undefined) checkStep(resumeStep);
  makeFolder(folder);
  const path = join(folder, nextName(folder));
  const file = attempt(path, () => openSync(path, 'wx'));
  let isOpen = true;
  const append = (event: Uint8Array) => {
    // the number of a closed file may be another's by now
    if (!isOpen) throw new Error(`the event file ${path} is closed`);
    const bytes = record(event);
    attempt(path, () => {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    });
  };
  const now = () => Date.now() / 1000;
  append(versionEvent(now()));
  if (resumeStep !== undefined) append(startEvent(now(), resumeStep));
  return {
    scalars(step, wallTime, values) {
      checkStep(step);
      append(scalarsEvent(wallTime, step, values));
    },
    image(step, tag, png) {
      checkStep(step);
      append(imageEvent(now(), step, tag, png));
    },
    close() {
      if (isOpen) closeSync(file);
      isOpen = false;
    },
  };
}

/** Readers take the files of a folder in the order of their names: a new one must come last, whatever the clock says. */
function nextName(folder: string): string {
  const earlier = readdirSync(folder).map(name => Number(/^events\.out\.tfevents\.(\d+)\./.exec(name)?.[1] ?? 0));
  const seconds = Math.max(Math.floor(Date.now() / 1000), ...earlier.map(time => time + 1));
  return `events.out.tfevents.${String(seconds).padStart(10, '0')}.${hostname()}.${process.pid}`;
}

function checkStep(step: number): void {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new RangeError(`a step must be a whole number from 0 on, got ${step}`);
  }
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const { message } = error as Error;
    throw new UserError(`cannot write the event file ${path}: ${message}`, { exitCode: 74, cause: error });
  }
}
