import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import type { RgbImage } from '../base/raster.ts';
import type { ClickModel } from './model.ts';
import { evaluationModes, modeSettings } from './modes.ts';
import { InteractiveSession } from './session.ts';
import { zoomIn } from './zoom.ts';

/** Finds a disk at every positive click, says "object" in all padding, and remembers the sizes it was shown. */
class DiskModel implements ClickModel {
  sizes: string[] = [];
  private area = 0;

  async setImage(image: Float32Array, [batch, channels, height, width]: readonly [number, number, number, number]) {
    this.area = height * width;
    expect(image.length).toBe(batch * channels * this.area);
    this.sizes.push(`${width}x${height}`);
  }

  async predict(input: Float32Array): Promise<Float32Array> {
    const batch = input.length / (3 * this.area);
    return Float32Array.from({ length: batch * this.area }, (_, i) => {
      const [b, at] = [Math.floor(i / this.area), i % this.area];
      return input[(3 * b + 1) * this.area + at] === 1 ? 5 : -5;
    });
  }
}

const picture = (width: number, height: number): RgbImage => ({
  width,
  height,
  data: new Uint8Array(3 * width * height),
});

/** The sizes a model is shown at three clicks on a picture of 640x427. */
async function sizesOf(mode: string, set = 'GrabCut', flip = true): Promise<string[]> {
  const model = new DiskModel();
  const { options, size } = modeSettings(mode, set, 16);
  const session = new InteractiveSession(model, picture(640, 427), { ...options, flip });
  for (const x of [300, 320, 330]) {
    const map = await session.click({ x, y: 100, positive: true });
    expect([map.width, map.height]).toEqual([640, 427]);
    expect(session.mask.data[100 * 640 + x]).toBe(1);
  }
  if (size) expect(new Set(model.sizes)).toEqual(new Set([`${size[1]}x${size[0]}`]));
  return model.sizes;
}

describe('evaluation modes', () => {
  it('fixed: zoom-in, every crop resized to one size', async () => {
    expect(modeSettings('fixed224', 'GrabCut', 14)).toEqual({
      options: { zoomIn: zoomIn([224, 224]), stride: 14 },
      size: [224, 224],
    });
    expect(await sizesOf('fixed224')).toEqual(['224x224', '224x224']);
    expect(modeSettings('fixed400,600', 'DAVIS', 1)).toMatchObject({ size: [400, 600] });
    // what the stride does not divide is padded
    expect(modeSettings('fixed400', 'DAVIS', 14)).toMatchObject({
      size: [406, 406],
      options: { zoomIn: { targetSize: [400, 400] } },
    });
    expect(await sizesOf('fixed250')).toEqual(['256x256', '256x256']);
  });

  it('whole: the same without the zoom-in, whatever is found', async () => {
    expect(await sizesOf('whole224')).toEqual(['224x224']);
    expect(modeSettings('whole224', 'x', 14, { threshold: 0.5 }).options.zoomIn).toMatchObject({ threshold: 1 });
  });

  it('cvpr: 448, of DAVIS 672', async () => {
    expect(modeSettings('cvpr', 'Berkeley', 14).options.zoomIn).toEqual(zoomIn([448, 448]));
    expect(modeSettings('cvpr', 'DAVIS', 14)).toMatchObject({ size: [672, 672] });
    expect(await sizesOf('cvpr', 'DAVIS')).toEqual(['672x672', '672x672']);
  });

  it('ritm: the first click at the own size, then the longer side', async () => {
    expect(modeSettings('ritm', 'DAVIS', 14)).toEqual({
      options: { zoomIn: zoomIn(600, { skipClicks: 1 }), stride: 14 },
      size: null,
    });
    const [first, ...closer] = await sizesOf('ritm');
    expect(first).toBe('640x432');
    expect(closer).toEqual(['400x400']);
  });

  it('native: the whole picture at its own size, padded to the stride, with a limit where one is given', async () => {
    expect(modeSettings('native', 'GrabCut', 14)).toEqual({ options: { zoomIn: null, stride: 14 }, size: null });
    expect(await sizesOf('native')).toEqual(['640x432']);
    expect(await sizesOf('native', 'GrabCut', false)).toEqual(['640x432']);
    expect(await sizesOf('native320')).toEqual(['320x224']);
  });

  it('takes the changes of the zoom-in', () => {
    const { options } = modeSettings('cvpr', 'SBD', 16, { expansion: 2, minCrop: 50 });
    expect(options.zoomIn).toEqual(zoomIn([448, 448], { expansion: 2, minCrop: 50 }));
  });

  it('knows every form that it lists', () => {
    for (const { forms } of Object.values(evaluationModes)) {
      for (const form of forms) {
        const mode = form.replace(/[NHW]/g, '96');
        expect(() => modeSettings(mode, 'GrabCut', 16)).not.toThrow();
      }
    }
  });

  it.each([
    '',
    'fixed',
    'fixed0',
    'fixed1e3',
    'fixed224x224',
    'cvpr448',
    'native3,4',
    'toString',
    'FIXED224',
    'fixed-1',
  ])('refuses "%s" and lists what there is', mode => {
    expect(() => modeSettings(mode, 'GrabCut', 16)).toThrow(UserError);
    expect(() => modeSettings(mode, 'GrabCut', 16)).toThrow(/unknown evaluation mode.*fixedN.*native/);
  });
});
