import type { DownloadProgress } from '../downloads/download.ts';
import type { ResultRow } from '../report/types.ts';

/** A part of a run: one upsampler's training, or its evaluation on one set. */
export interface Stage {
  /** What is comparable in cost between upsamplers: `train`, `evaluate grabcut`, ... */
  kind: string;
  upsampler: string;
  /** Steps or images. */
  units: number;
}

/** What a run tells while it goes on. Plain data: it crosses threads. */
export type RunEvent =
  | { type: 'plan'; stages: Stage[] }
  /** The first of a stage says where it starts. */
  | { type: 'progress'; stage: number; done: number; detail: string }
  | { type: 'row'; row: ResultRow }
  | { type: 'note'; text: string }
  /** Of what is fetched before the plan. */
  | { type: 'download'; what: string; progress: DownloadProgress };

export interface Control {
  emit(event: RunEvent): void;
  /** Aborted by Ctrl-C: the run saves and ends by throwing the reason. */
  signal: AbortSignal;
}

/** The reason of a stop that the user asked for. */
export class Stopped extends Error {
  override name = 'Stopped';
}
