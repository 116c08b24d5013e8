import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { curvesSvg } from './curves.ts';
import type { IouCurve } from './types.ts';

const curve = (upsampler: string, from: number, band = 0): IouCurve => {
  const mean = Array.from({ length: 20 }, (_, k) => from + ((0.95 - from) * k) / 19);
  return band ? { upsampler, mean, low: mean.map(x => x - band), high: mean.map(x => x + band) } : { upsampler, mean };
};
const parse = (svg: string) => parseHTML(`<!doctype html><html><body>${svg}</body></html>`).document;

describe('curvesSvg', () => {
  it('draws one line, one band and one legend entry for each upsampler', () => {
    const document = parse(curvesSvg([curve('low-res', 0.5, 0.02), curve('LoftUp', 0.7)], { title: 'GrabCut' }));
    expect(document.querySelectorAll('[aria-label=line] path')).toHaveLength(2);
    expect(document.querySelectorAll('[aria-label=area] path')).toHaveLength(1);
    const texts = [...document.querySelectorAll('text')].map(text => text.textContent);
    for (const name of ['low-res', 'LoftUp', 'Clicks', 'Mean IoU, %']) expect(texts).toContain(name);
    expect(texts.filter(text => text === '95.0')).toHaveLength(2);
  });

  it('gives every line a point for every click', () => {
    const document = parse(curvesSvg([curve('a', 0.5)], { title: 'x' }));
    const path = document.querySelector('[aria-label=line] path')!.getAttribute('d')!;
    expect(path.match(/[ML]/g)).toHaveLength(20);
  });

  it('tells sixteen upsamplers apart by colour, or by dash where colours repeat', () => {
    const curves = Array.from({ length: 16 }, (_, i) => curve(`u${i}`, 0.3 + i / 50));
    const document = parse(curvesSvg(curves, { title: 'x' }));
    const looks = [...document.querySelectorAll('[aria-label=line]')].map(
      line => `${line.getAttribute('stroke')} ${line.getAttribute('stroke-dasharray')}`,
    );
    expect(new Set(looks).size).toBe(16);
  });

  it('has no fixed dark or light colour in its text and says in words what it shows', () => {
    const svg = curvesSvg([curve('a', 0.5)], { title: 'GrabCut' });
    const root = parse(svg).querySelector('svg')!;
    expect(root.getAttribute('fill')).toBe('currentColor');
    expect(root.getAttribute('role')).toBe('img');
    expect(root.getAttribute('aria-label')).toBe('GrabCut: mean IoU over 20 clicks. At the end: a 95.0 %.');
  });

  it('escapes hostile names', () => {
    const name = `</svg><script>alert(1)</script>"&$&`;
    const svg = curvesSvg([curve(name, 0.5)], { title: name });
    const document = parse(svg);
    expect(document.querySelectorAll('script')).toHaveLength(0);
    expect([...document.querySelectorAll('text')].map(text => text.textContent)).toContain(name);
    expect(document.querySelector('svg')!.getAttribute('aria-label')).toContain(name);
  });

  it('leaves gaps for unknown values and draws a single click', () => {
    const gap = { upsampler: 'a', mean: [0.5, Number.NaN, 0.7] };
    const path = parse(curvesSvg([gap], { title: 'x' })).querySelector('[aria-label=line] path')!;
    expect(path.getAttribute('d')).not.toContain('NaN');
    expect(curvesSvg([{ upsampler: 'a', mean: [0.5] }], { title: 'x' })).not.toContain('NaN');
    expect(curvesSvg([], { title: 'x' })).not.toContain('NaN');
  });
});
