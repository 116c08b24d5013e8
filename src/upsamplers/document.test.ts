import { expect, it } from 'vitest';
import { upsamplersDocument } from './document.ts';
import { officialWeights } from './official.ts';
import { upsamplers } from './registry.ts';

it('docs/upsamplers.md is what the registry says', async () => {
  await expect(upsamplersDocument()).toMatchFileSnapshot('../../docs/upsamplers.md');
});

it('names every upsampler, its licence and where its weights are', () => {
  const lines = upsamplersDocument().split('\n');
  for (const upsampler of upsamplers) {
    expect(lines.filter(line => line.startsWith(`| \`${upsampler.name}\` `)).length).toBeGreaterThanOrEqual(2);
    for (const { name, file } of officialWeights(upsampler)) {
      const line = lines.find(each => each.startsWith(`| \`${name}\` `) && each.includes(upsampler.licence));
      expect(line).toContain('hub' in file ? file.hub : 'url' in file ? file.url : file.page);
    }
  }
});
