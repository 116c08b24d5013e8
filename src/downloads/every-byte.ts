import type { Readable } from 'node:stream';

/** Bytes that may wait to be taken before the stream is held back. */
const most = 1 << 22;

/**
 * The chunks of a stream, and only when all that arrived were taken its error. (Iterating the stream itself throws away
 * what waits in its buffer when it fails.) A stream that closes without its end fails, too. To be called before anything
 * can have happened to the stream.
 */
export function everyByte(stream: Readable): AsyncGenerator<Buffer> {
  const waiting: Buffer[] = [];
  let size = 0;
  let over = false;
  let failure: unknown;
  let wake = () => {};
  stream.on('data', (chunk: Buffer) => {
    waiting.push(chunk);
    size += chunk.length;
    if (size > most) stream.pause();
    wake();
  });
  stream.on('end', () => {
    over = true;
    wake();
  });
  stream.on('error', error => {
    failure ??= error;
    wake();
  });
  stream.on('close', () => {
    if (!over) failure ??= Object.assign(new Error('closed before its end'), { code: 'ECONNRESET' });
    wake();
  });
  async function* take(): AsyncGenerator<Buffer> {
    for (;;) {
      for (let chunk = waiting.shift(); chunk; chunk = waiting.shift()) {
        size -= chunk.length;
        yield chunk;
      }
      if (failure !== undefined) throw failure;
      if (over) return;
      if (stream.isPaused()) stream.resume();
      await new Promise<void>(resolve => {
        wake = resolve;
      });
    }
  }
  return take();
}
