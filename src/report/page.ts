import { createHash } from 'node:crypto';
import { escapeHtml } from './format.ts';

/**
 * A complete HTML page around a body: styles and script inline, light and dark by the reader's setting, and a
 * content security policy that lets nothing load and no other script run.
 */
export function htmlPage(title: string, body: string): string {
  const scriptHash = createHash('sha256').update(script).digest('base64');
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
${body}
<dialog id="large"><img alt=""><p></p></dialog>
<script>${script}</script>
</body>
</html>
`;
}

const style = `
:root {
  color-scheme: light dark;
  --page: #fbfbf9; --card: #ffffff; --ink: #1b1d21; --muted: #5f6670; --line: #e2e3e0; --soft: #f1f2ee;
  --accent: #0063b8; --best: #e4f2e7; --best-ink: #0d5f2a;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121418; --card: #1a1d22; --ink: #e6e8eb; --muted: #98a1ac; --line: #2c3138; --soft: #20242a;
    --accent: #72b7f5; --best: #173322; --best-ink: #86dba3;
    --series-1: #4ba3e3; --series-2: #f07f3c; --series-3: #2fc296; --series-4: #e08fbb; --series-5: #86cff7;
    --series-6: #f2b632; --series-7: #a996f0; --series-8: #c09a55;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 1240px; margin: 0 auto; padding: 2.5rem clamp(1rem, 4vw, 3rem) 4rem; }
.kicker { margin: 0; color: var(--muted); font-size: .85rem; font-weight: 600; }
h1 { margin: .2rem 0 0; font-size: clamp(1.7rem, 4vw, 2.5rem); line-height: 1.15; letter-spacing: -.02em; text-wrap: balance; overflow-wrap: anywhere; }
h2 { margin: 3.2rem 0 .3rem; font-size: 1.4rem; letter-spacing: -.01em; scroll-margin-top: 1rem; }
h3 { margin: 0 0 .4rem; font-size: 1rem; overflow-wrap: anywhere; }
p { max-width: 75ch; margin: .4rem 0 1rem; }
.lead, .small { color: var(--muted); }
.small { font-size: .85rem; }
a { color: var(--accent); text-underline-offset: .15em; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1.3rem; margin: 1.2rem 0 0; font-size: .95rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: .9rem 2rem; margin: 1.8rem 0 1.2rem; padding: 1.1rem 0; border-block: 1px solid var(--line); }
.facts dt { color: var(--muted); font-size: .82rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
pre { margin: 0; padding: .9rem 1.1rem; overflow-x: auto; background: var(--soft); border: 1px solid var(--line); border-radius: .5rem; font: .85rem/1.5 var(--mono); }
pre.command { white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); gap: 1rem; margin: 1rem 0 1.8rem; }
.card { padding: 1.1rem 1.3rem; background: var(--card); border: 1px solid var(--line); border-radius: .7rem; }
.card p { margin: 0; }
.card .winner { margin: .15rem 0 .25rem; font-size: 1.3rem; font-weight: 650; line-height: 1.25; letter-spacing: -.01em; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .55rem; text-align: right; vertical-align: top; white-space: nowrap; border-bottom: 1px solid var(--line); }
thead th { padding-block: .3rem; vertical-align: bottom; border-bottom: 2px solid var(--line); }
thead button { padding: .2rem 0; border: 0; background: none; color: inherit; font: inherit; font-size: .88rem; font-weight: 600; cursor: pointer; }
thead button:hover { color: var(--accent); }
thead button { position: relative; }
thead button::before { position: absolute; right: calc(100% + .2em); color: var(--accent); }
th[aria-sort=ascending] button::before { content: '↑'; }
th[aria-sort=descending] button::before { content: '↓'; }
th[aria-sort]:first-child button::before { right: auto; left: calc(100% + .2em); }
th:first-child, td:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 8rem; }
.words :is(th, td) { text-align: left; white-space: normal; }
.words :is(th, td):first-child { min-width: 0; overflow-wrap: normal; }
th:first-child { position: sticky; left: 0; z-index: 1; background: var(--page); }
tbody th { font-weight: 500; }
tbody th[scope=rowgroup] { padding: 1.4rem .55rem .4rem; font-weight: 650; font-size: 1.05rem; }
tbody:first-of-type th[scope=rowgroup] { padding-top: .9rem; }
th[scope=rowgroup] span { font-weight: 400; font-size: .85rem; color: var(--muted); margin-left: .5rem; }
td strong { padding: .1rem .4rem; margin: 0 -.4rem; border-radius: .3rem; background: var(--best); color: var(--best-ink); font-weight: 700; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
td small { display: block; color: var(--muted); font-size: .74rem; line-height: 1.3; }
.track { position: relative; display: inline-block; width: 4rem; height: .7rem; margin-right: .5rem; vertical-align: -.02em; }
.value { display: inline-block; min-width: 3.3rem; }
.track::before { content: ''; position: absolute; inset: 50% 0 auto; border-top: 1px dotted var(--line); }
.track i { position: absolute; top: calc(50% - 1px); height: 3px; margin-top: -.5px; border-radius: 2px; background: var(--muted); opacity: .6; }
.track b { position: absolute; top: 50%; width: 7px; height: 7px; margin: -3px 0 0 -3.5px; border-radius: 50%; background: var(--ink); }
td:has(strong) .track b { background: var(--best-ink); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: 1.2rem; margin-top: 1rem; }
.charts .card { padding: 1rem 1.2rem; min-width: 0; }
.charts svg { display: block; width: 100%; max-width: 820px; min-width: 470px; height: auto; }
fieldset { display: inline-flex; gap: .2rem; margin: .2rem 0 1rem; padding: .2rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--soft); font-size: .9rem; }
legend { float: left; padding: .2rem .6rem; color: var(--muted); }
fieldset label { position: relative; padding: .2rem .8rem; border-radius: .4rem; cursor: pointer; }
fieldset label:has(:checked) { background: var(--card); box-shadow: 0 0 0 1px var(--line); font-weight: 600; }
fieldset label:has(:focus-visible) { outline: 2px solid var(--accent); }
fieldset input { position: absolute; opacity: 0; }
.object { display: grid; grid-template-columns: minmax(130px, 180px) minmax(0, 1fr); gap: 1.4rem; margin: 0 0 1.2rem; padding: 1.1rem 1.2rem; background: var(--card); border: 1px solid var(--line); border-radius: .7rem; }
.object > div:first-child p { margin: .5rem 0 0; font-size: .85rem; color: var(--muted); overflow-wrap: anywhere; }
@media (max-width: 720px) { .object { grid-template-columns: minmax(0, 1fr); } .object > div:first-child { max-width: 240px; } }
.grid { display: grid; grid-template-columns: 4rem repeat(var(--columns), minmax(96px, 1fr)); gap: .5rem .6rem; }
.grid-row { display: contents; }
[role=columnheader], [role=rowheader] { font-size: .85rem; font-weight: 600; overflow-wrap: anywhere; }
[role=columnheader] { align-self: end; text-align: center; line-height: 1.25; }
[role=rowheader] { align-self: center; color: var(--muted); font-weight: 500; }
figure { margin: 0; }
figcaption { margin-top: .15rem; font-size: .8rem; color: var(--muted); text-align: center; font-variant-numeric: tabular-nums; }
figcaption strong { color: var(--best-ink); }
.zoom { display: block; width: 100%; padding: 0; border: 0; background: none; cursor: zoom-in; }
.zoom img { display: block; width: 100%; height: auto; border-radius: .35rem; background: var(--soft); print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.pixelated { image-rendering: pixelated; }
.features .grid { grid-template-columns: 7rem repeat(var(--columns), minmax(96px, 190px)); }
dialog { max-width: 94vw; padding: .6rem .6rem .3rem; border: 1px solid var(--line); border-radius: .7rem; background: var(--card); color: var(--ink); text-align: center; cursor: zoom-out; }
dialog:focus-visible { outline: none; }
dialog::backdrop { background: rgb(0 0 0 / .7); }
dialog img { display: block; width: min(90vw, 760px); max-height: 84vh; object-fit: contain; }
dialog p { margin: .3rem auto; font-size: .85rem; color: var(--muted); }
details { margin-top: 1rem; }
summary { cursor: pointer; color: var(--accent); margin-bottom: .7rem; }
.notes { padding-left: 1.2rem; max-width: 75ch; }
.notes li { margin: .4rem 0; }
@media (max-width: 820px) { .track { display: none; } }
@media print {
  :root {
    color-scheme: light; font-size: 12px;
    --page: #fff; --card: #fff; --ink: #000; --muted: #444; --line: #ccc; --soft: #f5f5f5;
    --accent: #000; --best: #eee; --best-ink: #000;
    --series-1: #0072b2; --series-2: #d55e00; --series-3: #009e73; --series-4: #cc79a7; --series-5: #56b4e9;
    --series-6: #e69f00; --series-7: #8a6fdf; --series-8: #8c6d31;
  }
  nav, fieldset { display: none !important; }
  h2, h3 { break-after: avoid; }
  .object, .card, figure, tr, .grid-row { break-inside: avoid; }
  .scroll { overflow: visible; }
  main { max-width: none; padding: 0; }
  th:first-child { position: static; background: none; }
  .object { grid-template-columns: 110px minmax(0, 1fr); }
  .grid, .features .grid { grid-template-columns: 4rem repeat(var(--columns), minmax(0, 1fr)); }
  .charts { grid-template-columns: 1fr; }
  .charts svg { min-width: 0; }
}
`;

const script = `
for (const button of document.querySelectorAll('thead button')) {
  button.addEventListener('click', () => {
    const header = button.closest('th');
    const first = button.dataset.first;
    const other = first === 'ascending' ? 'descending' : 'ascending';
    const order = header.getAttribute('aria-sort') === first ? other : first;
    for (const each of header.parentNode.cells) each.removeAttribute('aria-sort');
    header.setAttribute('aria-sort', order);
    const sign = order === 'ascending' ? 1 : -1;
    const key = row => row.cells[header.cellIndex].dataset.value;
    const compare = (a, b) => header.cellIndex === 0 ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
    for (const body of header.closest('table').tBodies) {
      const rows = [...body.rows].slice(1).sort((a, b) => sign * compare(key(a), key(b)));
      body.append(...rows);
    }
  });
}
const dialog = document.getElementById('large');
for (const button of document.querySelectorAll('.zoom')) {
  button.addEventListener('click', () => {
    const source = button.querySelector('img');
    const image = dialog.querySelector('img');
    image.src = source.src;
    image.alt = source.alt;
    image.className = source.className;
    dialog.querySelector('p').textContent = source.alt;
    dialog.showModal();
  });
}
dialog.addEventListener('click', () => dialog.close());
`;
