import { basename } from 'node:path';
import { escapeHtml } from '../../report/format.ts';
import { pictureGrid } from '../../report/grid.ts';
import { htmlPage } from '../../report/page.ts';
import type { FigurePicture } from './figures.ts';
import type { Outcome } from './outcome.ts';
import { blocksOf, legend, notesOf } from './table.ts';

/**
 * The result of a target as one HTML file that needs nothing else.
 *
 * @param runs folders of its runs relative to the file, which have reports of their own
 */
export function reproducedHtml(
  outcome: Outcome,
  ranking: boolean,
  figures: readonly FigurePicture[],
  runs: readonly string[],
): string {
  const tables = blocksOf(outcome, ranking).map(({ title, header, rows }) => {
    const head = header.map(cell => `<th scope="col">${escapeHtml(cell)}</th>`).join('');
    const body = rows.map(row => `<tr>${row.map(cell => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`).join('\n');
    const heading = title === undefined ? '' : `<h2>${escapeHtml(title)}</h2>\n`;
    // tables below the first are of words, which wrap
    const form = title === undefined ? '' : ' class="words"';
    return `${heading}<div class="scroll"><table${form}><thead><tr>${head}</tr></thead>\n<tbody>${body}</tbody></table></div>`;
  });
  const pictures = figures.map(
    ({ id, columns, rows, file }) =>
      `<h3>${escapeHtml(id)}</h3>\n${pictureGrid(columns, rows)}\n<p class="small">${escapeHtml(basename(file))}</p>`,
  );
  const notes = notesOf(outcome).map(note => `<li>${escapeHtml(note)}</li>`);
  const reports = runs.map(run => `<li><a href="${escapeHtml(run)}/report.html">${escapeHtml(run)}</a></li>`);
  const body = `<main>
<p class="kicker">clickprobe reproduce ${escapeHtml(outcome.target)}</p>
<h1>${escapeHtml(outcome.title)}</h1>
<p class="lead">${escapeHtml(legend(outcome))}</p>
<pre class="command"><code>${escapeHtml(outcome.command)}</code></pre>
${pictures.join('\n')}
${tables.join('\n')}
${notes.length > 0 ? `<h2>Notes</h2>\n<ul class="notes">${notes.join('')}</ul>` : ''}
${reports.length > 0 ? `<h2>Runs</h2>\n<ul>${reports.join('')}</ul>` : ''}
</main>`;
  return htmlPage(`clickprobe: ${outcome.title}`, body);
}
