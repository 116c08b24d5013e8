import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeSegmentation } from './coco-encode.ts';
import { paintSegmentation } from './coco-mask.ts';

const painted = (width: number, height: number, segmentation: ReturnType<typeof encodeSegmentation>) => {
  const target = { width, height, data: new Int8Array(width * height) };
  paintSegmentation(segmentation, target, 1, 'a mask');
  return [...target.data];
};

it('writes what is read again, whatever the mask', () => {
  const masks = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })).chain(([width, height]) =>
    fc.array(fc.tuple(fc.nat(width * height), fc.nat(width * height)), { maxLength: 6 }).map(runs => {
      const data = new Uint8Array(width * height);
      for (const [start, length] of runs) data.fill(1, start, start + length);
      return { width, height, data };
    }),
  );
  fc.assert(
    fc.property(masks, mask => {
      expect(painted(mask.width, mask.height, encodeSegmentation(mask))).toEqual([...mask.data]);
    }),
  );
});

it('writes long runs', () => {
  const mask = { width: 700, height: 500, data: new Uint8Array(350_000) };
  mask.data.fill(1, 1234, 300_000);
  mask.data[349_999] = 1;
  expect(painted(700, 500, encodeSegmentation(mask))).toEqual([...mask.data]);
});

it('writes as the COCO API does', () => {
  // one pixel at row 1 of column 1 of a 3 x 3 mask: runs 4, 1, 4
  expect(encodeSegmentation({ width: 3, height: 3, data: Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0) })).toEqual({
    size: [3, 3],
    counts: '414',
  });
});
