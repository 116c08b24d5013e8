import { photoMaskDataset } from './photo-masks.ts';
import type { Dataset } from './types.ts';

export const cocoMvalLayout = 'img/<name>.jpg (photos) and gt/<name>.png (masks)';

/**
 * COCO_MVal: 800 objects of COCO's validation part, ten of each of the 80 categories, each with a photo of its own
 * name (`airplane00_000000281693`); the selection of f-BRS (Sofiiuk et al., 2020). A pixel that is not black is object.
 *
 * @throws UserError see `photoMaskDataset`
 */
export function cocoMvalDataset(root: string, limit?: number): Dataset {
  return photoMaskDataset({
    name: 'COCO_MVal',
    root,
    photoFolder: 'img',
    maskFolder: 'gt',
    layout: cocoMvalLayout,
    anyColour: true,
    limit,
  });
}
