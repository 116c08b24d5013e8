import { meanOf, type Thumbnail, thumbnailDistance } from './thumbnail.ts';

/** A photo of a set as `duplicates` needs it. */
export interface PhotoThumbnail {
  id: string;
  /** 16x16, see `thumbnailOf`. */
  thumbnail: Thumbnail;
}

/** Side of the thumbnails that photos are compared by. */
export const duplicateSide = 16;

/**
 * Photos whose thumbnails differ by less (mean over 256 grey values of 0..255) are the same photo. Measured on GrabCut:
 * the same photo as JPEG of quality 30, at half its size, or squeezed to a square stays below 1.6; two different photos
 * of GrabCut, Berkeley and COCO were never closer than 12.6.
 */
export const duplicateThreshold = 3;

/** Pairs of ids of photos that are in both sets, in the order of the first. */
export function duplicates(a: readonly PhotoThumbnail[], b: readonly PhotoThumbnail[]): [string, string][] {
  // thumbnails cannot be closer than their means
  const sorted = b.map(photo => ({ ...photo, mean: meanOf(photo.thumbnail) })).sort((x, y) => x.mean - y.mean);
  return a.flatMap(({ id, thumbnail }) => {
    const mean = meanOf(thumbnail);
    const pairs: [string, string][] = [];
    for (let i = firstFrom(sorted, mean - duplicateThreshold); i < sorted.length; i++) {
      if (sorted[i].mean > mean + duplicateThreshold) break;
      const distance = thumbnailDistance(thumbnail, sorted[i].thumbnail, duplicateThreshold);
      if (distance < duplicateThreshold) pairs.push([id, sorted[i].id]);
    }
    return pairs.sort(([, x], [, y]) => (x < y ? -1 : 1));
  });
}

/** Index of the first photo whose mean is at least `mean`. */
function firstFrom(sorted: readonly { mean: number }[], mean: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle].mean < mean) low = middle + 1;
    else high = middle;
  }
  return low;
}
