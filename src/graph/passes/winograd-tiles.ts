import { constant, type Tensor } from '../tensor.ts';

/** F(out x out, 3x3): how a tile of the output is had from products at points of a tile of the input. */
export interface Tile {
  /** Side of an output tile. */
  out: number;
  /** Side of the input tile that it sees, also points per axis: out + 2. */
  in: number;
  /** [in^2, 1, in, in]: the input transform, as a kernel of stride `out`. */
  toPoints: Tensor;
  /** [in^2, 9] */
  weight: Tensor;
  /** [in^2, 1, out, out]: the output transform, as a transposed kernel of stride `out`. */
  fromPoints: Tensor;
  /** [out, in]: the output transform along one axis. */
  phases: Tensor;
}

// Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), section 4.3: points 0, 1, -1, 2, -2
const small = tile(
  [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
  ],
  [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
  ],
  [
    [1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 0],
    [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1],
  ],
);

// the same construction with the points 1/2 and -1/2 besides
const large = tile(
  [
    [1, 0, -21 / 4, 0, 21 / 4, 0, -1, 0],
    [0, 1, 1, -17 / 4, -17 / 4, 1, 1, 0],
    [0, -1, 1, 17 / 4, -17 / 4, -1, 1, 0],
    [0, 1 / 2, 1 / 4, -5 / 2, -5 / 4, 2, 1, 0],
    [0, -1 / 2, 1 / 4, 5 / 2, -5 / 4, -2, 1, 0],
    [0, 2, 4, -5 / 2, -5, 1 / 2, 1, 0],
    [0, -2, 4, 5 / 2, -5, -1 / 2, 1, 0],
    [0, -1, 0, 21 / 4, 0, -21 / 4, 0, 1],
  ],
  [
    [1, 0, 0],
    [-2 / 9, -2 / 9, -2 / 9],
    [-2 / 9, 2 / 9, -2 / 9],
    [1 / 90, 1 / 45, 2 / 45],
    [1 / 90, -1 / 45, 2 / 45],
    [32 / 45, 16 / 45, 8 / 45],
    [32 / 45, -16 / 45, 8 / 45],
    [0, 0, 1],
  ],
  [
    [1, 1, 1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 1 / 2, -1 / 2, 0],
    [0, 1, 1, 4, 4, 1 / 4, 1 / 4, 0],
    [0, 1, -1, 8, -8, 1 / 8, -1 / 8, 0],
    [0, 1, 1, 16, 16, 1 / 16, 1 / 16, 0],
    [0, 1, -1, 32, -32, 1 / 32, -1 / 32, 1],
  ],
);

/** The tiles that cover an output map with the fewest products; of equals the smaller, which rounds less. */
export function bestTile(height: number, width: number): Tile {
  const products = (t: Tile) => Math.ceil(height / t.out) * Math.ceil(width / t.out) * t.in ** 2;
  return products(large) < products(small) ? large : small;
}

function tile(input: number[][], kernel: number[][], output: number[][]): Tile {
  const [n, m] = [input.length, output.length];
  return {
    out: m,
    in: n,
    toPoints: constant(kronecker(input, input), [n * n, 1, n, n]),
    weight: constant(kronecker(kernel, kernel), [n * n, 9]),
    fromPoints: constant(transposed(kronecker(output, output), m * m, n * n), [n * n, 1, m, m]),
    phases: constant(Float32Array.from(output.flat()), [m, n]),
  };
}

function kronecker(a: number[][], b: number[][]): Float32Array {
  return Float32Array.from(a.flatMap(x => b.flatMap(y => x.flatMap(p => y.map(q => p * q)))));
}

function transposed(data: Float32Array, rows: number, cols: number): Float32Array {
  return Float32Array.from({ length: rows * cols }, (_, i) => data[(i % rows) * cols + Math.floor(i / rows)]);
}
