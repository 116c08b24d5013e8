import { escapeHtml } from './format.ts';
import type { EncodedImage } from './types.ts';

interface Picture {
  image: EncodedImage;
  /** What the picture shows, for those who do not see it. */
  alt: string;
  /** A short line below it. */
  caption?: string;
  /** Sets the caption bold. */
  best?: boolean;
  /** Shows cells as hard squares, for small feature maps. */
  pixelated?: boolean;
}

interface PictureRow {
  label: string;
  /** One per column; undefined leaves the place empty. */
  pictures: (Picture | undefined)[];
  /** Marks the row with `data-clicks`, so that a page can show only some rows. */
  clicks?: number;
}

/** Pictures under column titles and beside row labels, as an HTML grid that scrolls sideways where it is too wide. */
export function pictureGrid(columns: readonly string[], rows: readonly PictureRow[]): string {
  const header = columns.map(column => `<div role="columnheader">${escapeHtml(column)}</div>`).join('');
  const body = rows.map(row => {
    const clicks = row.clicks === undefined ? '' : ` data-clicks="${Number(row.clicks)}"`;
    const cells = row.pictures.map(picture => `<div role="cell">${picture ? figure(picture) : ''}</div>`).join('');
    return `<div role="row" class="grid-row"${clicks}><div role="rowheader">${escapeHtml(row.label)}</div>${cells}</div>`;
  });
  return `<div class="scroll"><div role="table" class="grid" style="--columns: ${columns.length}">
<div role="row" class="grid-row grid-head"><div role="columnheader"></div>${header}</div>
${body.join('\n')}
</div></div>`;
}

/**
 * One picture with its caption; a button around it lets a page show it large.
 *
 * @throws RangeError for an image that is not a `data:` URI: a report must not load anything.
 */
export function figure({ image, alt, caption, best, pixelated }: Picture): string {
  if (!/^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/]+=*$/.test(image.dataUri)) {
    throw new RangeError(`an image of a report must be a base64 data URI, given "${image.dataUri.slice(0, 40)}"`);
  }
  const size = `width="${Number(image.width)}" height="${Number(image.height)}"`;
  const look = pixelated ? ' class="pixelated"' : '';
  const picture = `<img src="${image.dataUri}" ${size} alt="${escapeHtml(alt)}"${look}>`;
  const line = caption === undefined ? '' : escapeHtml(caption);
  const text = line && `<figcaption>${best ? `<strong>${line}</strong>` : line}</figcaption>`;
  return `<figure><button type="button" class="zoom">${picture}</button>${text}</figure>`;
}
