import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cropClick, cropImage, cropProbability, cropSize, padSize, pasteProbability, planCrop } from './crop.ts';

const picture = (width: number, height: number) => ({
  width,
  height,
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 37) % 256),
});

describe('padding to a stride', () => {
  it('rounds up, and leaves multiples alone', () => {
    expect(padSize([321, 480], 16)).toEqual([336, 480]);
    expect(planCrop([32, 64], null, null, Infinity, 16)).toEqual(planCrop([32, 64], null, null, Infinity));
    expect(cropSize(planCrop([3, 5], null, null, Infinity, 4))).toEqual([4, 8]);
  });

  it('shows the picture at the left top and repeats its last pixels beside it, mirrored as a whole', () => {
    const image = picture(5, 3);
    const crop = planCrop([3, 5], null, null, Infinity, 4);
    const planes = cropImage(image, crop, true);
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < 4; y++) {
        for (let x = 0; x < 8; x++) {
          const expected = image.data[(Math.min(y, 2) * 5 + Math.min(x, 4)) * 3 + channel];
          expect(planes[(channel * 4 + y) * 8 + x]).toBe(Math.fround(expected / 255));
          expect(planes[((3 + channel) * 4 + y) * 8 + 7 - x]).toBe(Math.fround(expected / 255));
        }
      }
    }
  });

  it('pads probabilities with zeros, takes them off again, and moves no click', () => {
    const sizes = fc.record({ height: fc.integer({ min: 1, max: 20 }), width: fc.integer({ min: 1, max: 20 }) });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 9 }), fc.boolean(), ({ height, width }, stride, mirrored) => {
        const data = Float32Array.from({ length: height * width }, (_, i) => 1 / (i + 1));
        const crop = planCrop([height, width], null, null, Infinity, stride);
        const [rows, columns] = cropSize(crop);
        const planes = new Float32Array(rows * columns);
        cropProbability({ width, height, data }, crop, planes, 0, mirrored);
        if (mirrored) for (let y = 0; y < rows; y++) planes.subarray(y * columns, (y + 1) * columns).reverse();
        expect(planes.filter(p => p !== 0).length).toBe(height * width);
        expect(planes[(height - 1) * columns + width - 1]).toBe(data[height * width - 1]);
        // what the network says of the padding is not used
        for (let i = 0; i < planes.length; i++) if (planes[i] === 0) planes[i] = 0.75;
        expect(pasteProbability(planes, crop, [height, width]).data).toEqual(data);
        expect(cropClick({ x: width - 1, y: 0, positive: true }, crop)).toEqual({ x: width - 1, y: 0, positive: true });
      }),
    );
  });
});
