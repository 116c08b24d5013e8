import { mul } from '../graph/ops/elementwise.ts';
import { resample } from '../graph/ops/linear.ts';
import { constant, type Tensor } from '../graph/tensor.ts';
import { IMAGENET } from '../nn/imagenet.ts';
import { adaptiveAverage } from '../nn/resize.ts';

const IMAGENET_STD = constant(Float32Array.from(IMAGENET.std), [1, 3, 1, 1]);

/**
 * The image at a size, each pixel the mean of its area, as [B,3,h,w] in units of RGB 0..1 (up to a shift of each
 * channel, which differences of colours do not see).
 *
 * @param image [B,3,H,W], ImageNet-normalised.
 */
export function colours(image: Tensor, [height, width]: readonly [number, number]): Tensor {
  const [, , h, w] = image.shape;
  const sized = resample(
    image,
    height === h ? undefined : adaptiveAverage(h, height),
    width === w ? undefined : adaptiveAverage(w, width),
  );
  return mul(sized, IMAGENET_STD);
}
