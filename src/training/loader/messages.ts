import { UserError } from '../../base/errors.ts';
import type { TrainingSample } from '../samples.ts';
import type { SampleRequest } from './loader.ts';

/** How a data thread opens its dataset. */
export interface ThreadSetup {
  /** As `openDataset` takes it. */
  spec: string;
  seed: number;
  /** Bound on the decoded samples that this thread keeps. */
  cacheBytes: number;
}

export interface DrawMessage {
  id: number;
  request: SampleRequest;
}

export type DrawnMessage = { id: number } & ({ sample: TrainingSample } | { error: PackedError });

/** An error as plain data: structured cloning would lose its class and its exit code. */
export interface PackedError {
  message: string;
  stack: string | undefined;
  /** null where it is no UserError. */
  exitCode: number | null;
}

export function packError(error: unknown): PackedError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { message, stack, exitCode: error instanceof UserError ? error.exitCode : null };
}

export function unpackError({ message, stack, exitCode }: PackedError): Error {
  const error = exitCode === null ? new Error(message) : new UserError(message, { exitCode });
  error.stack = stack;
  return error;
}
