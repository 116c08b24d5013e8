import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { everyByte } from './every-byte.ts';

async function taken(stream: Readable, pause = async () => {}): Promise<{ bytes: Buffer; error?: Error }> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of everyByte(stream)) {
      chunks.push(chunk);
      await pause();
    }
    return { bytes: Buffer.concat(chunks) };
  } catch (error) {
    return { bytes: Buffer.concat(chunks), error: error as Error };
  }
}
const later = () => new Promise<void>(resolve => setImmediate(resolve));

describe('everyByte', () => {
  it('gives what arrived, whatever the sizes, to the end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 })), async chunks => {
        const { bytes, error } = await taken(Readable.from(chunks.map(chunk => Buffer.from(chunk))), later);
        expect(error).toBeUndefined();
        expect(bytes.equals(Buffer.concat(chunks))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('gives what arrived before an error', async () => {
    const stream = new PassThrough();
    stream.write('one');
    stream.write('two');
    const promise = taken(stream, later);
    await later();
    stream.destroy(new Error('broken'));
    const { bytes, error } = await promise;
    expect(bytes.toString()).toBe('onetwo');
    expect(error?.message).toBe('broken');
  });

  it('fails where the stream is closed before its end', async () => {
    const stream = new PassThrough();
    const promise = taken(stream);
    stream.write('one');
    await later();
    stream.destroy();
    expect(await promise).toMatchObject({ error: { code: 'ECONNRESET' } });
  });

  it('holds a fast stream back', async () => {
    let made = 0;
    const stream = Readable.from(
      (function* () {
        for (; made < 40; made++) yield Buffer.alloc(1 << 20, made);
      })(),
    );
    let ahead = 0;
    let got = 0;
    const { bytes } = await taken(stream, async () => {
      got++;
      await later();
      ahead = Math.max(ahead, made - got);
    });
    expect(bytes.length).toBe(40 << 20);
    // four waiting, and what streams of objects hold ready themselves
    expect(ahead).toBeLessThan(24);
  });
});
