import { describe, expect, it } from 'vitest';
import { fileNameOf, mirroredSources } from './mirror.ts';

describe('mirroredSources', () => {
  it('puts the same names in a folder before the sources', () => {
    const sources = ['https://a.org/x/DAVIS.zip', 'https://b.org/DAVIS.zip?download=true'];
    expect(mirroredSources(sources, 'http://m/sets/')).toEqual(['http://m/sets/DAVIS.zip', ...sources]);
    expect(mirroredSources(sources)).toEqual(sources);
  });

  it.each([
    ['https://a.org/x/a%20b.zip?q=1#h', 'a b.zip'],
    ['https://a.org/', ''],
    ['https://a.org/%zz', '%zz'],
    ['no url/f.zip', 'f.zip'],
  ])('the file of %s is %j', (url, name) => expect(fileNameOf(url)).toBe(name));
});
