import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { Point } from './feature-places.ts';
import type { PictureSource } from './feature-sources.ts';

export const rawFormats = ['npy', 'safetensors'] as const;
export type RawFormat = (typeof rawFormats)[number];

interface Wanted {
  out: string;
  points: readonly Point[];
  raw?: RawFormat;
}

/** The files of one picture. */
export function filesIn({ out, raw }: Wanted, id: string) {
  const at = ({ x, y }: Point) => `at-${x}-${y}`;
  return {
    sheet: join(out, id, 'sheet.png'),
    picture: (name: string) => join(out, id, `${name}.png`),
    raw: (name: string) => join(out, id, `${name}.${raw}`),
    similarity: (name: string, point: Point) => join(out, id, `${name}-${at(point)}.png`),
    rawSimilarity: (name: string, point: Point) => join(out, id, `${name}-${at(point)}.npy`),
  };
}

/** @throws UserError where a file would be written over */
export function requireNew(wanted: Wanted, pictures: readonly PictureSource[], names: readonly string[]): void {
  const { points, raw } = wanted;
  for (const { id } of pictures) {
    const path = filesIn(wanted, id);
    const own = (name: string) => [
      path.picture(name),
      ...(raw ? [path.raw(name)] : []),
      ...points.flatMap(point => [path.similarity(name, point), ...(raw ? [path.rawSimilarity(name, point)] : [])]),
    ];
    const there = [path.sheet, ...names.flatMap(own)].find(file => existsSync(file));
    if (there !== undefined) {
      throw new UserError(
        `${there} is there already. Choose another folder with --out, or replace it with --overwrite`,
      );
    }
  }
}
