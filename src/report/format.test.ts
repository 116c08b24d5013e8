import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeHtml, fixed } from './format.ts';

describe('fixed', () => {
  it.each([
    [4.125, 2, '4.12'],
    [4.375, 2, '4.38'],
    [0.0625, 3, '0.062'],
    [0.5, 0, '0'],
    [1.5, 0, '2'],
    [2.5, 0, '2'],
    [2.675, 2, '2.67'],
    [1.005, 2, '1.00'],
    [-4.125, 2, '-4.12'],
    [20, 2, '20.00'],
    [Number.NaN, 2, '–'],
    [Number.POSITIVE_INFINITY, 1, '–'],
  ])('%d with %i decimals is %s', (value, decimals, text) => {
    expect(fixed(value, decimals)).toBe(text);
  });

  it('takes the even neighbour of every exact tie', () => {
    fc.assert(
      fc.property(fc.integer({ min: -100_000, max: 100_000 }), eighths => {
        const text = fixed(eighths / 8, 2);
        expect(Math.abs(Number(text) - eighths / 8)).toBeLessThanOrEqual(0.005 + 1e-9);
        if (eighths % 2 !== 0) expect(Number(text.at(-1)) % 2).toBe(0);
      }),
    );
  });
});

describe('escapeHtml', () => {
  it('leaves nothing that opens a tag, an entity or an attribute', () => {
    expect(escapeHtml(`<img src=x onerror="alert('1')">&`)).toBe(
      '&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;',
    );
  });

  it('replaces control, bidirectional and lone surrogate characters, keeps newlines and emoji', () => {
    expect(escapeHtml('a\u0000\u001b[31m\u202eb\ud800\n\u{1f980}')).toBe('a\ufffd\ufffd[31m\ufffdb\ufffd\n\u{1f980}');
  });
});
