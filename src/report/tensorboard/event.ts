import { bytes, type Chunks, float, int, join, message, text } from '../../graph/onnx/protobuf.ts';

// Field numbers: tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto

/** The first event of every file; from version 2 on a restart is told by `startEvent`. */
export const versionEvent = (wallTime: number): Uint8Array => event(wallTime, 0, text(3, 'brain.Event:2'));

/** Makes readers drop what earlier files have from `step` on: it is written anew. */
export const startEvent = (wallTime: number, step: number): Uint8Array => event(wallTime, step, message(7, int(1, 1)));

/** @param values by tag; NaN and infinities are written as they are */
export const scalarsEvent = (wallTime: number, step: number, values: Record<string, number>): Uint8Array => {
  const summaries = Object.entries(values).map(([tag, value]) => message(1, [...text(1, tag), ...float(2, value)]));
  return event(wallTime, step, message(5, summaries.flat()));
};

/** @throws RangeError where the bytes are no PNG */
export function imageEvent(wallTime: number, step: number, tag: string, png: Uint8Array): Uint8Array {
  const { width, height, channels } = pngHeader(png);
  const image = [...int(1, height), ...int(2, width), ...int(3, channels), ...bytes(4, png)];
  return event(wallTime, step, message(5, message(1, [...text(1, tag), ...message(4, image)])));
}

/** @param wallTime seconds since 1970 */
const event = (wallTime: number, step: number, what: Chunks): Uint8Array =>
  join([...double(1, wallTime), ...int(2, step), ...what]);

function double(field: number, value: number): Chunks {
  const bytes = new Uint8Array(9);
  bytes[0] = (field << 3) | 1;
  new DataView(bytes.buffer).setFloat64(1, value, true);
  return [bytes];
}

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
/** By PNG colour type: grey, RGB, palette (decoded as RGB), grey with alpha, RGBA. */
const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

function pngHeader(png: Uint8Array): { width: number; height: number; channels: number } {
  const channels = CHANNELS[png[25]];
  if (png.length < 33 || SIGNATURE.some((byte, i) => png[i] !== byte) || channels === undefined) {
    throw new RangeError(`an event image must be a PNG file, got ${png.length} bytes that are none`);
  }
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  return { width: view.getUint32(16), height: view.getUint32(20), channels };
}
