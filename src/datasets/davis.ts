import { photoMaskDataset } from './photo-masks.ts';
import type { Dataset } from './types.ts';

export const davisLayout = 'img/<name>.jpg (frames) and gt/<name>.png (masks)';

/**
 * DAVIS as interactive segmentation uses it: 345 frames of the 50 videos of DAVIS 2016 (Perazzi et al., 2016), the
 * selection of Jang and Kim (2019). All objects of a frame are merged into one: whatever colour they have in the
 * mask, a pixel that is not black is object.
 *
 * @throws UserError see `photoMaskDataset`
 */
export function davisDataset(root: string, limit?: number): Dataset {
  return photoMaskDataset({
    name: 'DAVIS',
    root,
    photoFolder: 'img',
    maskFolder: 'gt',
    layout: davisLayout,
    anyColour: true,
    limit,
  });
}
