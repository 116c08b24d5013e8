import { expect, it } from 'vitest';
import { backbonesDocument } from './document.ts';
import { backbones } from './registry.ts';

it('docs/backbones.md is what the registry says', async () => {
  await expect(backbonesDocument()).toMatchFileSnapshot('../../docs/backbones.md');
});

it('names every backbone and where its weights are', () => {
  const text = backbonesDocument();
  for (const { name, file } of backbones) {
    expect(text).toContain(`| \`${name}\` `);
    expect(text).toContain('npm' in file ? file.npm : `https://huggingface.co/${file.hub}), ${file.name}`);
  }
});
