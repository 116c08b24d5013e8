import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { escapeHtml, fixed, replaceControls } from './format.ts';
import type { IouCurve } from './types.ts';

/**
 * Colours that stay apart for the common colour blindnesses and on white and black alike (after Okabe and
 * Ito). A page may override each through the CSS variable `--series-1` .. `--series-8`.
 */
const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#8a6fdf', '#8c6d31'];
const symbols = ['circle', 'square2', 'triangle2', 'diamond2', 'star', 'cross', 'wye', 'hexagon'] as const;
const dashes = ['none', '7 3', '2 3'];

interface Series {
  name: string;
  color: string;
  symbol: (typeof symbols)[number];
  dash: string;
  points: { clicks: number; mean: number; low: number; high: number }[];
  last: number;
}

/**
 * Mean IoU in percent against the number of clicks as a standalone SVG: one line per upsampler, a 95 % band
 * where the curve has `low` and `high`, and a legend ordered by the last value. Lines differ in colour, symbol
 * and, beyond eight, in dash; text takes the colour of the page.
 */
export function curvesSvg(curves: readonly IouCurve[], options: { title: string }): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const series = curves.map(toSeries);
  const clicks = Math.max(1, ...series.map(each => each.points.length));
  const legendWidth = 110 + 7 * Math.max(8, ...series.map(each => [...each.name].length));
  const height = Math.max(330, 60 + 21 * series.length);
  const plotWidth = 500;
  const values = series.flatMap(({ points }) => points.flatMap(point => [point.mean, point.low, point.high]));
  const domain = niceDomain(values.filter(Number.isFinite));

  const ranked = [...series].sort((a, b) => b.last - a.last);
  const summary = ranked.map(each => `${each.name} ${fixed(each.last, 1)} %`).join(', ');

  const svg = Plot.plot({
    document,
    width: plotWidth + legendWidth,
    height,
    marginLeft: 46,
    marginRight: legendWidth,
    marginTop: 34,
    marginBottom: 44,
    style: { background: 'none', color: 'inherit', fontSize: '13px', overflow: 'visible' },
    x: { domain: [1, Math.max(2, clicks)] },
    y: { domain },
    marks: [
      Plot.gridY({ strokeOpacity: 0.13 }),
      Plot.axisX({ ticks: ticks(clicks), tickFormat: 'd', label: null, tickSize: 4 }),
      Plot.axisY({ label: null, tickSize: 0, tickPadding: 8 }),
      Plot.text(['Mean IoU, %'], { frameAnchor: 'top-left', dx: -38, dy: -30, fontWeight: 600 }),
      Plot.text(['Clicks'], { frameAnchor: 'bottom-right', dy: 42, fontWeight: 600 }),
      ...series.flatMap(band),
      ...series.map(line),
      ...series.map(dots),
      ...ranked.flatMap((each, i) => legendEntry(each, i, legendWidth)),
    ],
  });
  const label = escapeHtml(`${options.title}: mean IoU over ${clicks} clicks. At the end: ${summary}.`);
  const opening = `<svg role="img" aria-label="${label}" xmlns="http://www.w3.org/2000/svg"`;
  return opening + svg.outerHTML.slice('<svg'.length);
}

function toSeries(curve: IouCurve, index: number): Series {
  const at = (values: number[] | undefined, i: number) => 100 * (values?.[i] ?? Number.NaN);
  const slot = index % palette.length;
  return {
    name: replaceControls(curve.upsampler),
    color: `var(--series-${slot + 1}, ${palette[slot]})`,
    symbol: symbols[slot],
    dash: dashes[Math.floor(index / palette.length) % dashes.length],
    points: curve.mean.map((mean, i) => ({
      clicks: i + 1,
      mean: 100 * mean,
      low: at(curve.low, i),
      high: at(curve.high, i),
    })),
    last: at(curve.mean, curve.mean.length - 1),
  };
}

function band({ points, color }: Series) {
  const inside = points.filter(point => Number.isFinite(point.low) && Number.isFinite(point.high));
  if (inside.length === 0) return [];
  return [Plot.areaY(inside, { x: 'clicks', y1: 'low', y2: 'high', fill: color, fillOpacity: 0.12 })];
}

function line({ points, color, dash }: Series) {
  return Plot.lineY(points, { x: 'clicks', y: 'mean', stroke: color, strokeWidth: 2, strokeDasharray: dash });
}

function dots({ points, color, symbol }: Series) {
  return Plot.dot(points, { x: 'clicks', y: 'mean', fill: color, stroke: null, symbol, r: 3.2 });
}

/** From a round number below the data to 100 at most. */
function niceDomain(values: number[]): [number, number] {
  if (values.length === 0) return [0, 100];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const step = high - low > 40 ? 10 : high - low > 8 ? 5 : 1;
  const bottom = Math.max(0, Math.floor(low / step) * step);
  return [bottom, Math.max(bottom + step, Math.min(100, Math.ceil(high / step) * step))];
}

function ticks(clicks: number): number[] {
  const all = Array.from({ length: clicks }, (_, i) => i + 1);
  return clicks <= 10 ? all : all.filter(click => click === 1 || click % 2 === 0);
}

/** A piece of line with its symbol, the name and the last value, to the right of the frame. */
function legendEntry({ name, color, symbol, dash, last }: Series, index: number, width: number) {
  const at = (dx: number) => ({ frameAnchor: 'top-right' as const, dx, dy: 6 + 21 * index });
  const stroke = { shape: segment, length: 28, rotate: 90, stroke: color, strokeWidth: 2, strokeDasharray: dash };
  return [
    Plot.vector([0], { ...at(20), anchor: 'start', ...stroke }),
    Plot.dot([0], { ...at(34), fill: color, stroke: null, symbol, r: 3.6 }),
    Plot.text([name], { ...at(56), textAnchor: 'start', lineAnchor: 'middle' }),
    Plot.text([fixed(last, 1)], { ...at(width - 4), textAnchor: 'end', lineAnchor: 'middle', fillOpacity: 0.65 }),
  ];
}

const segment: Plot.VectorShapeImplementation = {
  draw(context, length) {
    context.moveTo(0, 0);
    context.lineTo(0, -length);
  },
};
