/** Why a transfer ended early, and what that says of the source: `retry` (try it again) or `give up` (try the next). */
export class TransferFailure extends Error {
  override name = 'TransferFailure';
  readonly verdict: 'retry' | 'give up';
  /** Seconds that the server asked to wait (Retry-After). */
  readonly wait?: number;

  constructor(message: string, verdict: 'retry' | 'give up', options: { wait?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.verdict = verdict;
    this.wait = options.wait;
  }
}

// a name that does not resolve and a certificate that does not fit will not be better in a second
const final = /^(ENOTFOUND|ERR_INVALID_URL|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|UNABLE_TO_|ERR_TLS_)/;

/** What a network error means for the source that gave it. */
export function networkFailure(error: unknown): TransferFailure {
  if (error instanceof TransferFailure) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'the connection broke off',
    ENOTFOUND: 'no such host, or no network',
    EAI_AGAIN: 'the host name could not be looked up',
    ETIMEDOUT: 'no connection within the time allowed',
    EPIPE: 'the connection broke off',
  };
  return new TransferFailure(reasons[code] ?? message, final.test(code) ? 'give up' : 'retry', { cause: error });
}
