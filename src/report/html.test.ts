import { createHash } from 'node:crypto';
import { parseHTML } from 'linkedom';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeImage } from './encode.ts';
import { reportHtml } from './html.ts';
import type { EncodedImage, ReportData, ResultRow } from './types.ts';

const hostile = `<img src="https://evil.example/x" onerror=alert(1)>"'&</script></style></code>\u202e.jpg`;
let image: EncodedImage;

beforeAll(async () => {
  image = await encodeImage({ width: 8, height: 6, data: new Uint8Array(144).fill(90) }, { format: 'png' });
});

function result(upsampler: string, dataset: string, noc90: number): ResultRow {
  const ci: ResultRow['ci'] = { noc80: [1, 2], noc85: [2, 3], noc90: [noc90 - 1, noc90 + 1], iou1: [0.7, 0.8] };
  const values = { noc80: 1.5, noc85: 2.5, noc90, nof90: 3, iou1: 0.754, secondsPerClick: 0.125 };
  return { upsampler, dataset, objects: 50, miou: [0.754], maxClicks: 20, ci, ...values };
}

function report(name: string): ReportData {
  const cell = (upsampler: string, afterClicks: number, iou: number) => ({ upsampler, afterClicks, iou, image });
  const cells = [cell(name, 1, 0.5), cell('LoftUp', 1, 0.8), cell(name, 3, 0.6), cell('LoftUp', 3, 0.9)];
  return {
    title: name,
    facts: [[name, name]],
    command: `clickprobe bench --name ${name}`,
    notes: [name],
    rows: [result(name, 'GrabCut', 8), result('LoftUp', 'GrabCut', 4), result('LoftUp', name, 9)],
    curves: [{ dataset: name, upsamplers: [{ upsampler: name, mean: [0.5, 0.7], low: [0.4, 0.6], high: [0.6, 0.8] }] }],
    examples: [{ dataset: name, id: name, source: image, cells }],
    features: [{ id: name, image, maps: [{ name, image }] }],
    configYaml: `name: ${name}`,
  };
}

const parse = (html: string) => parseHTML(html).document;

describe('reportHtml', () => {
  it('has every section, the winner first and the best in bold', () => {
    const document = parse(reportHtml(report('low-res')));
    const titles = [...document.querySelectorAll('h2')].map(each => each.textContent);
    expect(titles).toEqual(['Results', 'IoU over clicks', 'Objects', 'Features', 'Notes', 'Configuration']);
    expect(document.querySelector('.winner')!.textContent).toBe('LoftUp');
    expect(document.querySelector('.card')!.textContent).toContain('No other interval overlaps its own.');
    const body = document.querySelector('tbody')!;
    expect([...body.querySelectorAll('strong')].map(each => each.textContent)).toEqual(['4.00']);
    expect(body.querySelectorAll('tr')).toHaveLength(3);
    expect(document.querySelectorAll('tbody')).toHaveLength(2);
    expect(body.querySelector('td small')!.textContent).toBe('1.00–2.00');
    expect(document.querySelectorAll('.object [data-clicks]')).toHaveLength(2);
    const captions = [...document.querySelectorAll('.object figcaption')].map(each => each.textContent);
    expect(captions).toEqual(['50.0 %', '80.0 %', '60.0 %', '90.0 %']);
  });

  it('compares winners of the same clicks with the rest, not with each other', () => {
    const card = (rows: ResultRow[]) =>
      parse(reportHtml({ ...report('x'), rows }))
        .querySelector('.card')!
        .textContent.replaceAll('\n', ' ');
    const even = [result('a', 'S', 4), result('b', 'S', 4)];
    expect(card(even)).toMatch(/a, b 4\.00 clicks to 90 % IoU \([^)]*\)\. *$/);
    expect(card([...even, result('c', 'S', 5)])).toMatch(/Its interval overlaps that of c\.$/);
  });

  it('loads nothing: only data URIs, own anchors and a policy that allows no other source', () => {
    for (const name of ['low-res', hostile]) {
      const html = reportHtml(report(name));
      const document = parse(html);
      for (const element of document.querySelectorAll('[src], [href], [srcset], [action], [poster], [data]')) {
        const target = element.getAttribute('src') ?? element.getAttribute('href')!;
        expect(target).toMatch(/^(data:|#)/);
      }
      expect(document.querySelectorAll('link[rel=stylesheet], iframe, object, embed, form, base')).toHaveLength(0);
      expect(html).not.toMatch(/@import|url\(/);
      const script = /<script>([\s\S]*)<\/script>/.exec(html)![1];
      const hash = createHash('sha256').update(script).digest('base64');
      const policy = document.querySelector('meta[http-equiv=Content-Security-Policy]')!.getAttribute('content');
      expect(policy).toBe(`default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${hash}'`);
    }
  });

  it('shows hostile names as text and changes nothing else by them', () => {
    const structure = (html: string) => [...parse(html).querySelectorAll('*')].map(each => each.tagName).join(' ');
    const html = reportHtml(report(hostile));
    expect(structure(html)).toBe(structure(reportHtml(report('low-res'))));
    const document = parse(html);
    const shown = hostile.replace('\u202e', '\ufffd');
    expect(document.querySelector('h1')!.textContent).toBe(shown);
    expect(document.querySelector('.facts dd')!.textContent).toBe(shown);
    expect(document.querySelector('details code')!.textContent).toBe(`name: ${shown}`);
    expect(document.querySelectorAll('script')).toHaveLength(1);
    expect([...document.querySelectorAll('*')].some(element => element.hasAttribute('onerror'))).toBe(false);
  });

  it('describes every picture', () => {
    const images = [...parse(reportHtml(report('low-res'))).querySelectorAll('main img')];
    expect(images).toHaveLength(7);
    for (const each of images) expect(each.getAttribute('alt')!.length).toBeGreaterThan(5);
  });

  it('has distinct ids and a sort button for every column', () => {
    const document = parse(reportHtml(report('low-res')));
    const ids = [...document.querySelectorAll('[id]')].map(each => each.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(document.querySelectorAll('thead th button')).toHaveLength(7);
    for (const row of document.querySelectorAll('tbody tr:not(:first-child)')) {
      for (const cell of row.children) expect(cell.getAttribute('data-value')).toBeTruthy();
    }
  });

  it('leaves out what there is no data for', () => {
    const empty = { rows: [], curves: [], examples: [], features: [], notes: [], facts: [], configYaml: '' };
    const document = parse(reportHtml({ title: 'x', command: 'y', ...empty }));
    expect(document.querySelectorAll('section')).toHaveLength(0);
    expect(document.querySelector('h1')!.textContent).toBe('x');
  });

  it('refuses a picture from elsewhere', () => {
    const features = [{ id: 'x', image: { ...image, dataUri: 'https://evil.example/x.png' }, maps: [] }];
    expect(() => reportHtml({ ...report('x'), features })).toThrow(/data URI/);
  });
});

describe('encodeImage', () => {
  it('shrinks to the width asked for and never enlarges', async () => {
    const data = Uint8Array.from({ length: 3 * 100 * 50 }, (_, i) => i % 251);
    const small = await encodeImage({ width: 100, height: 50, data }, { maxWidth: 40 });
    expect([small.width, small.height]).toEqual([40, 20]);
    expect(small.dataUri).toMatch(/^data:image\/jpeg;base64,/);
    const same = await encodeImage({ width: 100, height: 50, data }, { format: 'png' });
    expect([same.width, same.height]).toEqual([100, 50]);
    const raw = await sharp(Buffer.from(same.dataUri.split(',')[1], 'base64'))
      .raw()
      .toBuffer();
    expect(raw.equals(Buffer.from(data))).toBe(true);
  });
});
