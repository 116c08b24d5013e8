import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../base/errors.ts';
import { crc32c } from './crc32c.ts';
import { openEventLog } from './event-log.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickprobe-events-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

/** Bit by bit, by the definition of the checksum. */
function slowCrc(bytes: Uint8Array): number {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  return Number(crc ^ 0xffffffffn);
}

const unmask = (value: number) => {
  const rotated = (value - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
};

/** The records of a file, checksums verified. */
function readRecords(path: string): Buffer[] {
  const file = readFileSync(path);
  const records: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    expect(unmask(file.readUInt32LE(at + 8))).toBe(slowCrc(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(data.length).toBe(length);
    expect(unmask(file.readUInt32LE(at + 12 + length))).toBe(slowCrc(data));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

/** Fields of a protobuf message: whole numbers, 8- and 4-byte floats, bytes. */
function* fields(data: Buffer): Generator<[number, number | Buffer]> {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = data[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  const take = (length: number) => {
    at += length;
    return data.subarray(at - length, at);
  };
  while (at < data.length) {
    const key = varint();
    const [field, wire] = [key >> 3, key & 7];
    if (wire === 0) yield [field, varint()];
    else if (wire === 1) yield [field, take(8).readDoubleLE()];
    else if (wire === 5) yield [field, take(4).readFloatLE()];
    else {
      expect(wire).toBe(2);
      yield [field, take(varint())];
    }
  }
}

interface Decoded {
  wallTime: number;
  step: number;
  version?: string;
  sessionStatus?: number;
  values: { tag: string; simple?: number; image?: { size: number[]; png: Buffer } }[];
}

function decode(data: Buffer): Decoded {
  const event: Decoded = { wallTime: Number.NaN, step: 0, values: [] };
  for (const [field, value] of fields(data)) {
    if (field === 1) event.wallTime = value as number;
    else if (field === 2) event.step = value as number;
    else if (field === 3) event.version = String(value);
    else if (field === 7) event.sessionStatus = Object.fromEntries(fields(value as Buffer))[1] as number;
    else {
      expect(field).toBe(5);
      for (const [number, content] of fields(value as Buffer)) {
        expect(number).toBe(1);
        const parts = Object.fromEntries(fields(content as Buffer));
        const image = parts[4] && Object.fromEntries(fields(parts[4] as Buffer));
        event.values.push({
          tag: String(parts[1]),
          ...(parts[2] === undefined ? {} : { simple: parts[2] as number }),
          ...(image ? { image: { size: [image[2], image[1], image[3]] as number[], png: image[4] as Buffer } } : {}),
        });
      }
    }
  }
  return event;
}

const files = () => readdirSync(folder).sort();
const events = (name: string) => readRecords(join(folder, name)).map(decode);

describe('crc32c', () => {
  it.each([
    ['123456789', 0xe3069283],
    ['', 0],
    ['a', 0xc1d04330],
  ])('of "%s"', (text, expected) => expect(crc32c(Buffer.from(text))).toBe(expected));

  it.each([
    // RFC 3720, appendix B.4
    ['32 zeros', () => 0, 0x8a9136aa],
    ['32 ones', () => 255, 0x62a8ab43],
    ['32 increasing', (i: number) => i, 0x46dd794e],
    ['32 decreasing', (i: number) => 31 - i, 0x113fdb5c],
  ])('of %s', (_, byte, expected) => {
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => byte(i)))).toBe(expected);
  });

  it('equals the definition', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), bytes => void expect(crc32c(bytes)).toBe(slowCrc(bytes))));
  });
});

describe('openEventLog', () => {
  it('writes what a reader needs: version, then scalars', () => {
    const before = Date.now() / 1000;
    const log = openEventLog(folder);
    log.scalars(1, 1700000000.25, { loss: 0.5, 'train/iou': 0.75 });
    log.scalars(3_000_000_000, 1700000001, { loss: Number.NaN });
    log.close();
    expect(files()).toHaveLength(1);
    expect(files()[0]).toMatch(/^events\.out\.tfevents\.\d{10}\./);
    const [version, first, second, ...rest] = events(files()[0]);
    expect(rest).toEqual([]);
    expect(version).toMatchObject({ version: 'brain.Event:2', step: 0, values: [] });
    expect(version.wallTime).toBeGreaterThanOrEqual(before);
    expect(first).toEqual({
      wallTime: 1700000000.25,
      step: 1,
      values: [
        { tag: 'loss', simple: 0.5 },
        { tag: 'train/iou', simple: 0.75 },
      ],
    });
    expect(second).toEqual({
      wallTime: 1700000001,
      step: 3_000_000_000,
      values: [{ tag: 'loss', simple: Number.NaN }],
    });
  });

  it('keeps every tag, value and step', () => {
    const log = openEventLog(folder);
    const value = fc.float({ noNaN: true });
    const series = fc.dictionary(fc.string({ minLength: 1, maxLength: 9, unit: 'binary' }), value, {
      noNullPrototype: true,
      maxKeys: 4,
    });
    const written: [number, number, Record<string, number>][] = [];
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 4e9, noNaN: true }), series, (step, wallTime, values) => {
        log.scalars(step, wallTime, values);
        written.push([step, wallTime, values]);
      }),
      { numRuns: 50 },
    );
    log.close();
    const read = events(files()[0]).slice(1);
    expect(read).toHaveLength(written.length);
    for (const [i, [step, wallTime, values]] of written.entries()) {
      const expected = Object.entries(values).map(([tag, simple]) => ({ tag, simple }));
      expect(read[i]).toEqual({ step, wallTime, values: expected });
    }
  });

  it.each([
    ['rgb', 3, 3],
    ['rgba', 4, 4],
    ['grey', 1, 1],
  ] as const)('writes images with their size: %s', async (_, given, channels) => {
    const raw = { width: 7, height: 5, channels: given };
    const image = sharp(Buffer.alloc(35 * given, 90), { raw });
    const png = await (given === 1 ? image.toColourspace('b-w') : image).png({ palette: false }).toBuffer();
    const log = openEventLog(folder);
    log.image(9, 'prediction', png);
    log.close();
    const [, event] = events(files()[0]);
    expect(event.step).toBe(9);
    expect(event.values).toEqual([{ tag: 'prediction', image: { size: [7, 5, channels], png } }]);
    expect(Math.abs(event.wallTime - Date.now() / 1000)).toBeLessThan(60);
  });

  it('refuses an image that is no PNG, and odd steps', async () => {
    const log = openEventLog(folder);
    const jpeg = await sharp(Buffer.alloc(300, 9), { raw: { width: 10, height: 10, channels: 3 } })
      .jpeg()
      .toBuffer();
    for (const bytes of [jpeg, new Uint8Array(0), new Uint8Array(100)]) {
      expect(() => log.image(0, 'x', bytes)).toThrow(/must be a PNG/);
    }
    for (const step of [-1, 0.5, Number.NaN]) {
      expect(() => log.scalars(step, 0, { x: 1 })).toThrow(RangeError);
      expect(() => openEventLog(folder, { resumeStep: step })).toThrow(RangeError);
    }
    log.close();
    expect(events(files()[0])).toHaveLength(1);
  });

  it('goes on in a new, later file that takes back the lost steps', () => {
    const first = openEventLog(folder);
    for (const step of [1, 2, 3]) first.scalars(step, step, { loss: step });
    const [crashed] = files();
    // the process dies in the middle of a write
    const torn = Buffer.concat([readFileSync(join(folder, crashed)), Buffer.from([60, 0, 0])]);
    first.close();
    writeFileSync(join(folder, crashed), torn);

    const second = openEventLog(folder, { resumeStep: 3 });
    second.scalars(3, 10, { loss: 30 });
    second.close();
    expect(readFileSync(join(folder, crashed))).toEqual(torn);
    expect(files()).toHaveLength(2);
    expect(files()[0]).toBe(crashed);
    const [version, start, scalar] = events(files()[1]);
    expect(version.version).toBe('brain.Event:2');
    expect(start).toMatchObject({ step: 3, sessionStatus: 1, values: [] });
    expect(scalar).toMatchObject({ step: 3, values: [{ tag: 'loss', simple: 30 }] });
  });

  it('comes last also where several start within a second or the clock goes back', () => {
    const clock = vi.spyOn(Date, 'now');
    for (const [i, time] of [5e12, 5e12, 4e12, 4.2e12].entries()) {
      clock.mockReturnValue(time);
      const log = openEventLog(folder, { resumeStep: i });
      log.close();
    }
    expect(files().map(name => events(name)[1].step)).toEqual([0, 1, 2, 3]);
  });

  it('has everything in the file before it is closed; closing twice is fine, writing then is not', () => {
    const log = openEventLog(join(folder, 'a', 'b'));
    log.scalars(1, 1, { x: 1 });
    const [name] = readdirSync(join(folder, 'a', 'b'));
    expect(readRecords(join(folder, 'a', 'b', name))).toHaveLength(2);
    log.close();
    log.close();
    expect(() => log.scalars(2, 2, { x: 2 })).toThrow(/is closed/);
    expect(readRecords(join(folder, 'a', 'b', name))).toHaveLength(2);
  });

  it('says where it cannot write', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => openEventLog(join(folder, 'file', 'x'))).toThrow(UserError);
  });
});
