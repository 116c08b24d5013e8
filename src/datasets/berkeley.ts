import { photoMaskDataset } from './photo-masks.ts';
import type { Dataset } from './types.ts';

export const berkeleyLayout = 'images/<name>.jpg (photos) and masks/<name>.png or masks/<name>#<n>.png (masks)';

/**
 * Berkeley (McGuinness and O'Connor, 2010): 100 objects on 96 photos. In the usual copy a photo with
 * several objects is there several times (189011, 189011a, 189011b), each with one mask.
 *
 * @throws UserError see `photoMaskDataset`
 */
export function berkeleyDataset(root: string, limit?: number): Dataset {
  return photoMaskDataset({
    name: 'Berkeley',
    root,
    photoFolder: 'images',
    maskFolder: 'masks',
    layout: berkeleyLayout,
    limit,
  });
}
