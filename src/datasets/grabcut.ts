import { photoMaskDataset } from './photo-masks.ts';
import type { Dataset } from './types.ts';

export const grabcutLayout = 'data_GT/<name>.jpg|bmp (photos) and boundary_GT/<name>.bmp (masks)';

/**
 * GrabCut (Rother et al., 2004): 50 photos, one object each, a band of ignored pixels (128) along its border.
 *
 * @throws UserError see `photoMaskDataset`
 */
export function grabcutDataset(root: string, limit?: number): Dataset {
  return photoMaskDataset({
    name: 'GrabCut',
    root,
    photoFolder: 'data_GT',
    maskFolder: 'boundary_GT',
    layout: grabcutLayout,
    limit,
  });
}
