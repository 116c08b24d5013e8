import { expect, it } from 'vitest';
import { namedFiles } from './named-files.ts';

it('reads NAME=FILE, the file with whatever it holds', () => {
  expect(namedFiles([], '--files')).toEqual({});
  expect(namedFiles(['anyup=a.pth', 'naf=/x/y=z.pth'], '--files')).toEqual({ anyup: 'a.pth', naf: '/x/y=z.pth' });
});

it.each([[['a.pth']], [['=a.pth']], [['anyup=']], [['anyup=a', 'anyup=b']]])('refuses %j', values => {
  expect(() => namedFiles(values, '--files')).toThrow(/^--files/);
});
