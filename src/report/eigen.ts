import { Random } from '../base/random.ts';

/**
 * The leading eigenpairs of a symmetric positive semi-definite matrix, by subspace iteration with a
 * Rayleigh-Ritz step (Golub and Van Loan, section 8.2), in float64. Deterministic: the start comes from a
 * fixed seed, and each vector is signed so that its entry of largest magnitude is positive.
 *
 * @param matrix [size, size], row-major.
 * @returns values in descending order and unit vectors. Where the rank is below `count`, the rest are zero vectors.
 */
export function leadingEigenpairs(
  matrix: Float64Array,
  size: number,
  count: number,
): { values: number[]; vectors: Float64Array[] } {
  const random = Random.of(0, 'eigen', size);
  const block = Math.min(size, count + 13);
  let basis: Float64Array[] = Array.from({ length: block }, () =>
    Float64Array.from({ length: size }, () => random.normal()),
  );
  orthonormalize(basis);
  let values: number[] = [];
  for (let iteration = 0; iteration < 300; iteration++) {
    const images = basis.map(vector => multiply(matrix, vector));
    const projected = new Float64Array(block * block);
    for (let i = 0; i < block; i++) for (let j = 0; j < block; j++) projected[i * block + j] = dot(basis[i], images[j]);
    const small = jacobi(projected, block);
    values = small.values;
    const rotate = (vectors: Float64Array[]) => small.vectors.map(weights => combine(vectors, weights));
    basis = rotate(basis);
    const next = rotate(images);
    const wanted = Math.min(count, block);
    const residual = Math.max(...next.slice(0, wanted).map((image, i) => distance(image, basis[i], values[i])));
    if (residual <= 1e-11 * Math.abs(values[0])) break;
    basis = next;
    orthonormalize(basis);
  }
  const vectors = basis.slice(0, count).map(signed);
  while (vectors.length < count) vectors.push(new Float64Array(size));
  return { values: vectors.map((_, i) => values[i] ?? 0), vectors };
}

/** Eigenpairs of a small symmetric matrix by cyclic Jacobi rotations, in descending order of value. */
function jacobi(matrix: Float64Array, size: number): { values: number[]; vectors: Float64Array[] } {
  const a = matrix.slice();
  const v = new Float64Array(size * size);
  for (let i = 0; i < size; i++) v[i * size + i] = 1;
  let scale = 0;
  for (const value of a) scale = Math.max(scale, Math.abs(value));
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        const apq = a[p * size + q];
        off = Math.max(off, Math.abs(apq));
        if (Math.abs(apq) <= 1e-300) continue;
        const theta = (a[q * size + q] - a[p * size + p]) / (2 * apq);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        const s = t * c;
        for (let k = 0; k < size; k++) turn(a, k * size + p, k * size + q, c, s);
        for (let k = 0; k < size; k++) turn(a, p * size + k, q * size + k, c, s);
        for (let k = 0; k < size; k++) turn(v, k * size + p, k * size + q, c, s);
      }
    }
    if (off <= 1e-16 * scale) break;
  }
  const order = Array.from({ length: size }, (_, i) => i).sort((i, j) => a[j * size + j] - a[i * size + i]);
  return {
    values: order.map(i => a[i * size + i]),
    vectors: order.map(i => Float64Array.from({ length: size }, (_, k) => v[k * size + i])),
  };
}

function turn(data: Float64Array, i: number, j: number, c: number, s: number): void {
  const x = data[i];
  const y = data[j];
  data[i] = c * x - s * y;
  data[j] = s * x + c * y;
}

/** Modified Gram-Schmidt, twice for full precision; a dependent vector becomes zero. */
function orthonormalize(vectors: Float64Array[]): void {
  for (let i = 0; i < vectors.length; i++) {
    const vector = vectors[i];
    const before = Math.sqrt(dot(vector, vector));
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        const along = dot(vector, vectors[j]);
        for (let k = 0; k < vector.length; k++) vector[k] -= along * vectors[j][k];
      }
    }
    const norm = Math.sqrt(dot(vector, vector));
    const factor = norm > 1e-12 * before ? 1 / norm : 0;
    for (let k = 0; k < vector.length; k++) vector[k] *= factor;
  }
}

function multiply(matrix: Float64Array, vector: Float64Array): Float64Array {
  const size = vector.length;
  const out = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let j = 0, at = i * size; j < size; j++) sum += matrix[at + j] * vector[j];
    out[i] = sum;
  }
  return out;
}

function combine(vectors: Float64Array[], weights: Float64Array): Float64Array {
  const out = new Float64Array(vectors[0].length);
  vectors.forEach((vector, i) => {
    for (let k = 0; k < out.length; k++) out[k] += weights[i] * vector[k];
  });
  return out;
}

function signed(vector: Float64Array): Float64Array {
  const largest = vector.reduce((best, value) => (Math.abs(value) > Math.abs(best) + 1e-9 ? value : best), 0);
  return largest < 0 ? vector.map(value => -value) : vector;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function distance(image: Float64Array, vector: Float64Array, value: number): number {
  let sum = 0;
  for (let i = 0; i < image.length; i++) sum += (image[i] - value * vector[i]) ** 2;
  return Math.sqrt(sum);
}
