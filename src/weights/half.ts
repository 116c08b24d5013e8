// 16-bit floats live only in files; in memory every number is a float32. Widening is exact, bit patterns
// of NaN included, so that widening and narrowing again gives the same bytes.

/** IEEE 754 half-precision bit patterns as float32 (exact). */
export function halfToFloat(half: Uint16Array): Float32Array {
  const out = new Float32Array(half.length);
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < half.length; i++) {
    const h = half[i];
    const sign = (h & 0x8000) << 16;
    const rest = h & 0x7fff;
    if (rest >= 0x7c00) bits[i] = sign | 0x7f800000 | (rest << 13);
    else if (rest >= 0x0400) bits[i] = sign | ((rest << 13) + 0x38000000);
    else out[i] = (sign ? -1 : 1) * rest * 2 ** -24;
  }
  return out;
}

/** Float32 to half precision, rounded to the nearest (ties to even); beyond 65504 to infinity. */
export function floatToHalf(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const sign = (bits[i] >>> 16) & 0x8000;
    const rest = bits[i] & 0x7fffffff;
    if (rest > 0x7f800000) out[i] = sign | 0x7c00 | ((rest >>> 13) & 0x3ff || 0x200);
    else if (rest >= 0x477ff000) out[i] = sign | 0x7c00;
    else if (rest >= 0x38800000) out[i] = sign | roundShift(rest - 0x38000000, 13);
    else out[i] = sign | roundToEven(Math.abs(values[i]) * 2 ** 24);
  }
  return out;
}

/** bfloat16 bit patterns as float32 (exact). */
export function bfloatToFloat(bfloat: Uint16Array): Float32Array {
  const bits = new Uint32Array(bfloat.length);
  for (let i = 0; i < bfloat.length; i++) bits[i] = bfloat[i] << 16;
  return new Float32Array(bits.buffer);
}

/** Float32 to bfloat16, rounded to the nearest (ties to even). */
export function floatToBfloat(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const nan = (bits[i] & 0x7fffffff) > 0x7f800000;
    const high = bits[i] >>> 16;
    out[i] = nan ? high | (high & 0x7f ? 0 : 0x40) : roundShift(bits[i], 16);
  }
  return out;
}

/** x / 2^shift of an unsigned 32-bit integer, ties to even. */
function roundShift(x: number, shift: number): number {
  const half = 2 ** (shift - 1);
  return Math.floor((x + half - 1 + ((x >>> shift) & 1)) / 2 ** shift);
}

function roundToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
