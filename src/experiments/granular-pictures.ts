import type { Mask, RgbImage } from '../base/raster.ts';
import { paintSegmentation } from '../datasets/coco-mask.ts';
import type { Dataset } from '../datasets/types.ts';
import { encodeImage } from '../report/encode.ts';
import { escapeHtml } from '../report/format.ts';
import { figure } from '../report/grid.ts';
import { drawOverlay } from '../report/overlay.ts';
import { htmlPage } from '../report/page.ts';
import type { GranularSetSummary, StoredImage, StoredPart } from './granular-set.ts';

/** A page that shows what a multi-granular set is made of: how many parts of which size, and some images with theirs. */
export async function granularPictures(
  dataset: Dataset,
  images: readonly StoredImage[],
  shown: number,
  summary: GranularSetSummary,
): Promise<string> {
  const withParts = [...images.entries()].filter(([, { parts }]) => parts.length > 0);
  const step = Math.max(1, withParts.length / Math.max(1, shown));
  const chosen = Array.from({ length: Math.min(shown, withParts.length) }, (_, i) => withParts[Math.floor(i * step)]);
  const sections: string[] = [];
  for (const [index, { id, parts }] of chosen) {
    const { image } = await dataset.load(index);
    const figures = await Promise.all(parts.map(part => partFigure(image, part)));
    sections.push(`<h3>${escapeHtml(id)}</h3>\n<div class="cards">${figures.join('\n')}</div>`);
  }
  const rows = Object.entries(summary.counts).map(
    ([granularity, count]) =>
      `<tr><td>${granularity}</td><td>${count}</td><td>${((100 * count) / summary.parts).toFixed(1)} %</td></tr>`,
  );
  const title = `Parts of ${dataset.name}`;
  return htmlPage(
    title,
    `<main>
<p class="kicker">clickprobe granularity make</p>
<h1>${escapeHtml(title)}</h1>
<p class="lead">${summary.parts} parts of the objects of ${summary.images} images, proposed by a trained probe.</p>
<h2>Granularities</h2>
<table><thead><tr><th>granularity</th><th>parts</th><th>share</th></tr></thead><tbody>${rows.join('')}</tbody></table>
<h2>Examples</h2>
<p>Green: the click in the object; red: clicks into what was predicted. A rest is what the part before it leaves.</p>
${sections.join('\n')}
</main>`,
  );
}

async function partFigure(image: RgbImage, { object, kind, scale, semantic, segmentation, clicks }: StoredPart) {
  const { width, height } = image;
  const painted = { width, height, data: new Int8Array(width * height) };
  paintSegmentation(segmentation, painted, 1, `a part of object ${object}`);
  const mask: Mask = { width, height, data: Uint8Array.from(painted.data) };
  const drawn = drawOverlay(image, { mask, clicks: clicks.map(([x, y, positive]) => ({ x, y, positive })) });
  const caption = `object ${object}, ${kind}: ${scale} (semantic ${semantic})`;
  return figure({ image: await encodeImage(drawn, { maxWidth: 320 }), alt: caption, caption });
}
