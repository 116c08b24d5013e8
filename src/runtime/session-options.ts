import { availableParallelism } from 'node:os';
import type * as ort from 'onnxruntime-node';

/** What every session of ours has in common. @param threads of the processor; all by default */
export const commonSessionOptions = (threads = availableParallelism()): ort.InferenceSession.SessionOptions => ({
  intraOpNumThreads: threads,
  logSeverityLevel: 4,
  // idle threads sleep: costs nothing alone, halves the time beside other work
  extra: { session: { intra_op: { allow_spinning: '0' } } },
});
