import { expect, it } from 'vitest';
import { heatColors, heatPicture } from './heat.ts';

it('goes from black over red and yellow to white', () => {
  const at = (level: number) => [...heatColors.subarray(3 * level, 3 * level + 3)];
  expect([at(0), at(102), at(204), at(255)]).toEqual([
    [0, 0, 0],
    [253, 2, 0],
    [255, 253, 5],
    [255, 255, 255],
  ]);
});

it('pictures probabilities by their level, rounded down', () => {
  const map = { width: 3, height: 1, data: Float32Array.of(0, 0.9999, 1) };
  expect([...heatPicture(map).data]).toEqual([0, 0, 0, ...heatColors.subarray(3 * 254)]);
});
