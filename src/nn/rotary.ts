import { add, mul, neg } from '../graph/ops/elementwise.ts';
import { concat, slice } from '../graph/ops/layout.ts';
import { constant, type Tensor } from '../graph/tensor.ts';

interface Grid {
  height: number;
  width: number;
  /** Tokens in front of those of the grid, which have no position. */
  prefix: number;
}

/**
 * Axial rotary positions (Simeoni et al. 2025, "DINOv3", after Su et al. 2021, "RoFormer"): turns q or k
 * [B,heads,prefix+height*width,d] by angles 2 pi u / base^(4j/d), j < d/4, where u is the row of the cell's centre for
 * the first quarter of channels and its column for the second, both in -1..1; channel c turns together with c + d/2.
 */
export function rotary({ height, width, prefix }: Grid, d: number, base = 100): (x: Tensor) => Tensor {
  const tokens = prefix + height * width;
  const [cos, sin] = [new Float32Array(tokens * d).fill(1, 0, prefix * d), new Float32Array(tokens * d)];
  const quarter = d / 4;
  for (let cell = 0; cell < height * width; cell++) {
    const place = [(2 * (Math.floor(cell / width) + 0.5)) / height - 1, (2 * ((cell % width) + 0.5)) / width - 1];
    for (let c = 0; c < d; c++) {
      const angle = (2 * Math.PI * place[Math.floor(c / quarter) % 2]) / base ** ((c % quarter) / quarter);
      cos[(prefix + cell) * d + c] = Math.cos(angle);
      sin[(prefix + cell) * d + c] = Math.sin(angle);
    }
  }
  const [cosines, sines] = [constant(cos, [tokens, d]), constant(sin, [tokens, d])];
  return x => {
    const half = (start: number) => slice(x, 3, start, d / 2);
    return add(mul(x, cosines), mul(concat([neg(half(d / 2)), half(0)], 3), sines));
  };
}
