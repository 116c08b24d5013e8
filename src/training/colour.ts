/** A new level for each level 0..255 of one channel. */
export type LevelTable = Uint8Array;

/**
 * Level x becomes contrast*x + 255*brightness, clipped, truncated; in float32, as albumentations 0.5.2 computes it.
 *
 * @param contrast factor, 1 = unchanged
 * @param brightness fraction of the full range, 0 = unchanged
 */
export function brightnessContrastTable(contrast: number, brightness: number): LevelTable {
  const factor = Math.fround(contrast);
  const offset = Math.fround(brightness * 255);
  return levels(x => Math.fround(Math.fround(x * factor) + offset));
}

/** Level x becomes x + shift, clipped, truncated. `shift` in levels. */
export function shiftTable(shift: number): LevelTable {
  const offset = Math.fround(shift);
  return levels(x => Math.fround(x + offset));
}

/** First one table, then the other. */
export function chainTables(first: LevelTable, second: LevelTable): LevelTable {
  return first.map(level => second[level]);
}

function levels(of: (level: number) => number): LevelTable {
  return Uint8Array.from({ length: 256 }, (_, x) => Math.trunc(Math.min(255, Math.max(0, of(x)))));
}
