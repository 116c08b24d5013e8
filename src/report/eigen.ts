import { Random } from '../base/random.ts';

/**
 * The leading eigenpairs of a symmetric matrix: Lanczos with full reorthogonalisation (Golub and Van Loan,
 * chapter 10), in float64. The Krylov space grows until the pairs are exact to rounding, at the latest when it
 * is the whole space. Deterministic: the start comes from a fixed seed, and each vector is signed so that its
 * entry of largest magnitude is positive.
 *
 * @param matrix [size, size], row-major.
 * @returns values in descending order and unit vectors. Past `size` pairs, zeros.
 */
export function leadingEigenpairs(
  matrix: Float64Array,
  size: number,
  count: number,
): { values: number[]; vectors: Float64Array[] } {
  const random = Random.of(0, 'eigen', size);
  const draw = () => Float64Array.from({ length: size }, () => random.normal());
  const basis: Float64Array[] = [];
  const images: Float64Array[] = [];
  let next: Float64Array = draw();
  for (let limit = 64; ; limit *= 2) {
    while (basis.length < Math.min(limit, size)) {
      // an image inside the space so far says that the space is invariant: go on with a new direction
      if (!normalizeAgainst(basis, next)) {
        next = draw();
        continue;
      }
      basis.push(next);
      next = multiply(matrix, next);
      images.push(next.slice());
    }
    const steps = basis.length;
    const projected = new Float64Array(steps * steps);
    for (let i = 0; i < steps; i++) {
      for (let j = 0; j <= i; j++) projected[i * steps + j] = projected[j * steps + i] = dot(basis[i], images[j]);
    }
    const ritz = jacobi(projected, steps);
    const weights = ritz.vectors.slice(0, count);
    const vectors = weights.map(each => combine(basis, each));
    const residuals = weights.map((each, i) => distance(combine(images, each), vectors[i], ritz.values[i]));
    const scale = Math.max(...ritz.values.map(Math.abs));
    if (steps === size || residuals.every(residual => residual <= 1e-11 * scale)) {
      const missing = Array.from({ length: count - vectors.length }, () => new Float64Array(size));
      const all = [...vectors.map(signed), ...missing];
      return { values: all.map((_, i) => ritz.values[i] ?? 0), vectors: all };
    }
  }
}

/** Makes a vector orthogonal to the basis (Gram-Schmidt, twice) and of length 1; false where nothing is left. */
function normalizeAgainst(basis: Float64Array[], vector: Float64Array): boolean {
  const before = Math.sqrt(dot(vector, vector));
  for (let pass = 0; pass < 2; pass++) {
    for (const other of basis) {
      const along = dot(vector, other);
      for (let k = 0; k < vector.length; k++) vector[k] -= along * other[k];
    }
  }
  const norm = Math.sqrt(dot(vector, vector));
  if (norm <= 1e-10 * before) return false;
  for (let k = 0; k < vector.length; k++) vector[k] /= norm;
  return true;
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
        if (Math.abs(apq) <= 1e-18 * scale) continue;
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
