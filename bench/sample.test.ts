import { expect, it } from 'vitest';
import { parseLine, sample } from './sample.ts';

it('reads the last line, whatever stands before it and whatever else it holds', () => {
  const text = 'warming up\n{"what":"head","median_s":1.5,"min_s":1,"runs":3,"peak_rss_mb":545,"torch":"1.13"}\n';
  expect(parseLine(text)).toEqual({ seconds: 1.5, peakMb: 545 });
});

it.each([
  ['', /given nothing/],
  ['done', /given "done"/],
  ['{"median_s":1.5}', /given .*median_s/],
  ['{"median_s":0,"peak_rss_mb":3}', /above 0/],
  ['null', /given "null"/],
])('refuses %j', (text, message) => {
  expect(() => parseLine(text)).toThrow(message);
});

it('a process that fails is an error with the end of what it said', async () => {
  const fails = sample(process.execPath, ['-e', 'console.error("no such thing"); process.exit(3)']);
  await expect(fails).rejects.toThrow('no such thing');
});

it('a command that does not exist is an error that names it', async () => {
  await expect(sample('/no/such/command', [])).rejects.toThrow('/no/such/command');
});
