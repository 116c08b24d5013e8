const UNITS = { '': 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 };

/** A number of bytes, or what people write: `2GB`, `500 MB`, `1.5GiB`. Gives what it cannot read back as it is. */
export function bytesOf(given: unknown): unknown {
  const [, number, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([kmg]i?b)?\s*$/i.exec(`${given}`) ?? [];
  return number === undefined ? given : Number(number) * UNITS[unit.toLowerCase() as keyof typeof UNITS];
}
