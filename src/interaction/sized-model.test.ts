import { describe, expect, it } from 'vitest';
import type { Feeds, Program } from '../runtime/program.ts';
import type { PointTensor } from './points.ts';
import { sizedClickModel } from './sized-model.ts';
import type { Size } from './zoom.ts';

/** Programs that give their height, the picture they hold and the click; what happens to them is written down. */
function factory(capacity?: number) {
  const log: string[] = [];
  const broken = { compile: false, run: false };
  const model = sizedClickModel(async ([height, width]: Size): Promise<Program> => {
    if (broken.compile) throw new Error('no memory to compile');
    log.push(`compile ${height}x${width}`);
    let held = Number.NaN;
    return {
      async run(group: string, feeds: Feeds) {
        expect(group).toBe('predict');
        if (feeds.image) held = feeds.image[0];
        if (broken.run) throw new Error('no memory to run');
        log.push(feeds.image ? `feed ${held}` : 'keep');
        return { logits: Float32Array.of(height, held, feeds.clicks[0]) };
      },
      async release() {
        log.push(`release ${height}x${width}`);
      },
    };
  }, capacity);
  const show = (image: number, [height, width]: Size) => model.setImage(Float32Array.of(image), [1, 3, height, width]);
  const points: PointTensor = { data: new Float64Array(0), shape: [1, 0, 3] };
  const click = async (value: number) => [...(await model.predict(Float32Array.of(value), points))];
  const taken = () => log.splice(0);
  return { model, broken, show, click, taken };
}

describe('sizedClickModel', () => {
  it('compiles a size when it is first clicked at, and feeds a picture once', async () => {
    const { show, click, taken } = factory();
    await show(10, [4, 6]);
    expect(taken()).toEqual([]);
    expect(await click(1)).toEqual([4, 10, 1]);
    expect(await click(2)).toEqual([4, 10, 2]);
    await show(20, [4, 6]);
    expect(await click(3)).toEqual([4, 20, 3]);
    await show(30, [6, 4]);
    expect(await click(4)).toEqual([6, 30, 4]);
    expect(taken()).toEqual(['compile 4x6', 'feed 10', 'keep', 'feed 20', 'compile 6x4', 'feed 30']);
  });

  it('holds as many programs as it may, and gives the one back that was not used for longest', async () => {
    const { show, click, taken } = factory(2);
    for (const side of [1, 2, 1, 3, 1, 2]) {
      await show(side, [side, side]);
      expect(await click(0)).toEqual([side, side, 0]);
    }
    expect(taken().filter(line => !line.startsWith('feed'))).toEqual([
      'compile 1x1',
      'compile 2x2',
      'release 2x2',
      'compile 3x3',
      'release 3x3',
      'compile 2x2',
    ]);
  });

  it('can compile ahead, even where that takes the place of the size in use', async () => {
    const { model, show, click, taken } = factory(1);
    await model.prepare([5, 5]);
    expect(taken()).toEqual(['compile 5x5']);
    await show(7, [5, 5]);
    await click(0);
    await model.prepare([9, 9]);
    expect(await click(1)).toEqual([5, 7, 1]);
    expect(taken()).toEqual(['feed 7', 'release 5x5', 'compile 9x9', 'release 9x9', 'compile 5x5', 'feed 7']);
  });

  it('tries again after a compilation or a run that failed', async () => {
    const { broken, show, click, taken } = factory();
    await show(7, [5, 5]);
    broken.compile = true;
    await expect(click(0)).rejects.toThrow('no memory to compile');
    broken.compile = false;
    broken.run = true;
    await expect(click(0)).rejects.toThrow('no memory to run');
    broken.run = false;
    expect(await click(1)).toEqual([5, 7, 1]);
    expect(taken()).toEqual(['compile 5x5', 'feed 7']);
  });

  it('gives everything back', async () => {
    const { model, show, click, taken } = factory();
    for (const side of [1, 2]) {
      await show(side, [side, side]);
      await click(0);
    }
    taken();
    await model.release();
    await model.release();
    expect(taken()).toEqual(['release 1x1', 'release 2x2']);
  });

  it('wants a picture first', async () => {
    await expect(factory().click(0)).rejects.toThrow(/setImage/);
  });
});
