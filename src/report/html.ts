import { bestRows, cellValue, columnsFor, groupByDataset, intervalText, type MetricColumn } from './columns.ts';
import { curvesSvg } from './curves.ts';
import { escapeHtml, fixed } from './format.ts';
import { figure, pictureGrid } from './grid.ts';
import { htmlPage } from './page.ts';
import type { ExampleObject, FeatureExample, ReportData, ResultRow } from './types.ts';

interface Section {
  id: string;
  title: string;
  body: string;
}

/**
 * The report of a run as one HTML file that needs nothing else: pictures are `data:` URIs, charts inline SVG,
 * no request leaves it. Sections without data are left out. Every string is escaped.
 *
 * @throws RangeError for a picture that is not a `data:` URI.
 */
export function reportHtml(data: ReportData): string {
  const sections = [
    { id: 'results', title: 'Results', body: data.rows.length ? results(data.rows) : '' },
    { id: 'curves', title: 'IoU over clicks', body: data.curves.length ? charts(data.curves) : '' },
    { id: 'examples', title: 'Objects', body: data.examples.length ? examples(data.examples) : '' },
    { id: 'features', title: 'Features', body: data.features.length ? features(data.features) : '' },
    { id: 'notes', title: 'Notes', body: data.notes.length ? notes(data.notes) : '' },
    { id: 'config', title: 'Configuration', body: configuration(data.configYaml) },
  ].filter(section => section.body);
  const body = sections.map(({ id, title, body }) => `<section id="${id}">\n<h2>${title}</h2>\n${body}\n</section>`);
  return htmlPage(data.title, `<main>\n${header(data, sections)}\n${body.join('\n')}\n</main>`);
}

function header(data: ReportData, sections: Section[]): string {
  const facts = data.facts.map(
    ([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`,
  );
  return `<header>
<p class="kicker">clickprobe report</p>
<h1>${escapeHtml(data.title)}</h1>
<nav aria-label="Sections">${sections.map(({ id, title }) => `<a href="#${id}">${title}</a>`).join('')}</nav>
<dl class="facts">${facts.join('')}</dl>
<p class="small">To repeat this run:</p>
<pre class="command"><code>${escapeHtml(data.command)}</code></pre>
</header>`;
}

function results(rows: ResultRow[]): string {
  const groups = groupByDataset(rows);
  const limits = [...new Set(rows.map(row => row.maxClicks))].sort((a, b) => a - b).join(' or ');
  const shown = columnsFor(rows);
  const heads = shown.map(column => {
    const first = column.better === 'low' ? 'ascending' : 'descending';
    const hint = `${column.meaning}; ${column.better === 'low' ? 'lower' : 'higher'} is better`;
    return `<th scope="col"><button type="button" data-first="${first}" title="${hint}">${column.title}</button></th>`;
  });
  return `<div class="cards">${groups.map(([dataset, group]) => leaderCard(dataset, group)).join('')}</div>
<p class="lead">NoC is the mean number of simulated clicks until the mask reaches that IoU, at most ${limits}; lower is
better. NoF90 counts the objects that never reach 90 %. Small numbers are 95 % intervals, drawn on a scale that
each column of a data set shares. Green marks the best of a data set. Click a title to sort.</p>
<div class="scroll"><table>
<thead><tr><th scope="col"><button type="button" data-first="ascending">Upsampler</button></th>${heads.join('')}</tr></thead>
${groups.map(([dataset, group]) => resultsBody(dataset, group, shown)).join('\n')}
</table></div>`;
}

function leaderCard(dataset: string, rows: ResultRow[]): string {
  const column = columnsFor(rows).find(each => each.key === 'noc90')!;
  const noc90 = (row: ResultRow) => cellValue(column, row);
  const reached = rows.filter(row => Number.isFinite(noc90(row))).sort((a, b) => noc90(a) - noc90(b));
  const [best, ...others] = reached;
  if (!best) return '';
  const interval = intervalText(column, best);
  const level = others.filter(row => row.noc90 === best.noc90);
  const rest = others.filter(row => !level.includes(row));
  const overlaps = (row: ResultRow) => row.ci.noc90 && best.ci.noc90 && row.ci.noc90[0] <= best.ci.noc90[1];
  const rivals = rest.filter(overlaps).map(row => row.upsampler);
  const clear = rivals.length
    ? `Its interval overlaps that of ${rivals.join(', ')}.`
    : 'No other interval overlaps its own.';
  const range = interval ? ` (95 % interval ${interval.join(' to ')})` : '';
  const winners = [best, ...level].map(row => row.upsampler).join(', ');
  return `<div class="card"><p class="small">Fewest clicks on ${escapeHtml(dataset)}</p>
<p class="winner">${escapeHtml(winners)}</p>
<p>${column.format(noc90(best))} clicks to 90 % IoU${range}.</p>
${rest.length && interval ? `<p class="small">${escapeHtml(clear)}</p>` : ''}</div>`;
}

function resultsBody(dataset: string, rows: ResultRow[], shown: readonly MetricColumn[]): string {
  const columns = shown.map(column => ({
    column,
    best: bestRows(rows, column),
    scale: trackScale(column, rows),
  }));
  const lines = rows.map(row => {
    const cells = columns.map(({ column, best, scale }) => {
      const known = cellValue(column, row);
      const text = column.format(known);
      const value = `<span class="value">${best.has(row) ? `<strong>${text}</strong>` : text}</span>`;
      const interval = intervalText(column, row);
      const bar = interval ? track(column, row, scale) : '';
      const range = interval ? `<small>${interval.join('–')}</small>` : '';
      const last = column.better === 'low' ? Infinity : -Infinity;
      const key = Number.isFinite(known) ? known : last;
      return `<td data-value="${key}">${bar}${value}${range}</td>`;
    });
    const name = escapeHtml(row.upsampler);
    return `<tr><th scope="row" data-value="${name}">${name}</th>${cells.join('')}</tr>`;
  });
  const counts = [...new Set(rows.map(row => Number(row.objects)))].join(' or ');
  const title = `${escapeHtml(dataset)}<span>${counts} ${counts === '1' ? 'object' : 'objects'}</span>`;
  return `<tbody><tr><th scope="rowgroup" colspan="${1 + columns.length}">${title}</th></tr>\n${lines.join('\n')}</tbody>`;
}

function trackScale(column: MetricColumn, rows: ResultRow[]): [number, number] {
  const ends = rows.flatMap(row => column.interval?.(row) ?? []).filter(Number.isFinite);
  return [Math.min(...ends), Math.max(...ends)];
}

/** The interval and its mean as a bar and a dot on the scale of the column. */
function track(column: MetricColumn, row: ResultRow, [low, high]: [number, number]): string {
  const [from, to] = column.interval!(row)!;
  const place = (value: number) => fixed(high > low ? (100 * (value - low)) / (high - low) : 50, 1);
  const bar = `<i style="left:${place(from)}%;right:calc(100% - ${place(to)}%)"></i>`;
  return `<span class="track" aria-hidden="true">${bar}<b style="left:${place(cellValue(column, row))}%"></b></span>`;
}

function charts(curves: ReportData['curves']): string {
  const cards = curves.map(({ dataset, upsamplers }) => {
    const svg = curvesSvg(upsamplers, { title: dataset });
    return `<div class="card"><h3>${escapeHtml(dataset)}</h3><div class="scroll">${svg}</div></div>`;
  });
  const hasBand = curves.some(({ upsamplers }) => upsamplers.some(curve => curve.low && curve.high));
  const band = hasBand ? ' Shaded: 95 % intervals.' : '';
  return `<p class="lead">Mean IoU after each click; the legend gives the value after the last one.${band}</p>
<div class="charts">${cards.join('\n')}</div>`;
}

function examples(objects: ExampleObject[]): string {
  const steps = [...new Set(objects.flatMap(object => object.cells.map(cell => Number(cell.afterClicks))))].sort(
    (a, b) => a - b,
  );
  const choices = ['all', ...steps].map((step, i) => {
    const input = `<input type="radio" name="clicks" id="clicks-${step}"${i === 0 ? ' checked' : ''}>`;
    return `<label>${input}${step}</label>`;
  });
  const rules = steps.map(
    step => `#examples:has(#clicks-${step}:checked) [data-clicks]:not([data-clicks="${step}"]) { display: none; }`,
  );
  return `<style>${rules.join('\n')}</style>
<p class="lead">The first picture shows the true object; the others what each upsampler made of the clicks. Green dots with
a plus are clicks on the object, red dots with a minus clicks off it.</p>
<fieldset><legend>After clicks</legend>${choices.join('')}</fieldset>
${objects.map(object => exampleObject(object)).join('\n')}`;
}

function exampleObject({ dataset, id, source, cells }: ExampleObject): string {
  const upsamplers = [...new Set(cells.map(cell => cell.upsampler))];
  const steps = [...new Set(cells.map(cell => Number(cell.afterClicks)))].sort((a, b) => a - b);
  const rows = steps.map(step => {
    const ofStep = cells.filter(cell => cell.afterClicks === step);
    const texts = ofStep.map(cell => fixed(100 * cell.iou, 1));
    const best = fixed(100 * Math.max(...ofStep.map(cell => cell.iou)), 1);
    const clicks = step === 1 ? '1 click' : `${step} clicks`;
    const pictures = upsamplers.map(upsampler => {
      const at = ofStep.findIndex(cell => cell.upsampler === upsampler);
      if (at < 0) return undefined;
      const alt = `${id}, ${upsampler}, prediction after ${clicks}, IoU ${texts[at]} %`;
      return { image: ofStep[at].image, alt, caption: `${texts[at]} %`, best: texts[at] === best && ofStep.length > 1 };
    });
    return { label: clicks, pictures, clicks: step };
  });
  const alt = `${id}: the image with the true outline`;
  return `<div class="object"><div>${figure({ image: source, alt })}<p>${escapeHtml(dataset)}<br>${escapeHtml(id)}</p></div>
${pictureGrid(upsamplers, rows)}</div>`;
}

function features(images: FeatureExample[]): string {
  const names = [...new Set(images.flatMap(({ maps }) => maps.map(map => map.name)))];
  const rows = images.map(({ id, image, maps }) => {
    const pictures = names.map(name => {
      const map = maps.find(each => each.name === name);
      return map && { image: map.image, alt: `${id}: three principal components of ${name} features`, pixelated: true };
    });
    return { label: id, pictures: [{ image, alt: `${id}: the image` }, ...pictures] };
  });
  return `<p class="lead">The three strongest principal components of the features as red, green and blue, fitted for each
image on all of its maps together: in a row, like colours are like features.</p>
<div class="features">${pictureGrid(['Image', ...names], rows)}</div>`;
}

function notes(texts: string[]): string {
  return `<ul class="notes">${texts.map(text => `<li>${escapeHtml(text)}</li>`).join('')}</ul>`;
}

function configuration(yaml: string): string {
  if (!yaml.trim()) return '';
  return `<details><summary>Everything this run was made with (YAML)</summary><pre><code>${escapeHtml(yaml)}</code></pre></details>`;
}
