import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { suggest, UserError } from './errors.ts';

describe('UserError', () => {
  it('carries message, exit code and cause', () => {
    const cause = new Error('why');
    const error = new UserError('what to do', { exitCode: 74, cause });
    expect([error.name, error.message, error.exitCode, error.cause]).toEqual(['UserError', 'what to do', 74, cause]);
    expect(new UserError('plain').exitCode).toBe(2);
    expect('cause' in new UserError('plain')).toBe(false);
  });
});

describe('suggest', () => {
  const known = ['none', 'bilinear', 'bicubic', 'jbu'];

  it.each([
    ['biliner', 'bilinear'],
    ['BICUBIC', 'bicubic'],
    ['bicbuic', 'bicubic'],
    ['jb', 'jbu'],
    ['nome', 'none'],
  ])('%s: did you mean %s?', (given, meant) => {
    expect(suggest(given, known)).toBe(`did you mean "${meant}"? (known: none, bilinear, bicubic, jbu)`);
  });

  it.each(['lanczos', 'j', 'bi', 'nine-tails'])('%s: lists what there is', given => {
    expect(suggest(given, known)).toBe('known: none, bilinear, bicubic, jbu');
  });

  it('has something to say where nothing is known', () => expect(suggest('x', [])).toBe('known: '));

  const name = fc.stringMatching(/^[a-z]{6,10}$/);
  it('finds a name with one letter left out, added, or changed', () => {
    fc.assert(
      fc.property(name, fc.nat(), fc.constantFrom('', '-', '--'), fc.boolean(), (word, at, put, drop) => {
        const place = at % word.length;
        const given = word.slice(0, place) + put + word.slice(place + (drop ? 1 : 0));
        // every other name is further away
        const others = ['0123456789', '000000'];
        expect(suggest(given, [others[0], word, others[1]])).toContain(`"${word}"`);
      }),
    );
  });
});
