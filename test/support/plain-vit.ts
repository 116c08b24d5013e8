// Vision transformers token by token in float64, from the formulas of their papers: what the graphs are compared with.

type Token = number[];
type Get = (name: string) => ArrayLike<number>;

/** How one axis of a position table is resized: the weights of the trained positions for output i. */
type AxisWeights = (trained: number, size: number, i: number) => number[];

export interface PlainVit {
  patch: number;
  dim: number;
  depth: number;
  heads: number;
  epsilon: number;
  hidden?: number;
  gated?: boolean;
  layerScale?: boolean;
  classToken?: boolean;
  registers?: number;
  preNorm?: boolean;
  keyBias?: boolean;
  activation?: (x: number) => number;
  /** Without one, positions are rotary with base 100. */
  positions?: { grid: number; axis: AxisWeights };
}

interface PlainImage {
  /** [3,height,width] */
  pixels: ArrayLike<number>;
  height: number;
  width: number;
  /** [dim,height/patch,width/patch] */
  clicks?: ArrayLike<number>;
}

/** Features [dim,h,w] after the last block and norm. */
export function plainVit(image: PlainImage, get: Get, config: PlainVit): number[] {
  const { patch, dim, heads, epsilon, classToken = true, registers = 0, keyBias = true } = config;
  const [h, w] = [image.height / patch, image.width / patch];
  const prefix = (classToken ? 1 : 0) + registers;
  let tokens = patches(image, get, patch, dim, !config.preNorm);
  if (classToken) tokens = [slice(get('cls_token'), 0, dim), ...tokens];
  if (config.positions) {
    const { grid, axis } = config.positions;
    const table = positionTable(get('pos_embed'), dim, classToken ? 1 : 0, grid, h, w, axis);
    tokens = tokens.map((token, t) => plus(token, table[t]));
  }
  const extra = range(registers).map(r => slice(get('register_tokens'), r * dim, dim));
  if (registers > 0) tokens = [tokens[0], ...extra, ...tokens.slice(1)];
  if (config.preNorm) tokens = tokens.map(token => norm(token, get, 'norm_pre', epsilon));

  const size = dim / heads;
  for (let block = 0; block < config.depth; block++) {
    const name = `blocks.${block}`;
    const scaled = (token: Token, scale: string) =>
      config.layerScale ? token.map((x, c) => x * get(`${name}.${scale}.gamma`)[c]) : token;
    const qkv = tokens.map(token => {
      const bias = Array.from(get(`${name}.attn.qkv.bias`), (b, c) => (!keyBias && c >= dim && c < 2 * dim ? 0 : b));
      return linear(norm(token, get, `${name}.norm1`, epsilon), get(`${name}.attn.qkv.weight`), bias);
    });
    const turn = (part: Token, t: number) =>
      config.positions || t < prefix ? part : rotated(part, Math.floor((t - prefix) / w), (t - prefix) % w, h, w);
    const head = (t: number, part: number, j: number) => slice(qkv[t], part * dim + j * size, size);
    tokens = tokens.map((token, t) => {
      const mixed = range(heads).flatMap(j => {
        const q = turn(head(t, 0, j), t);
        const scores = tokens.map((_, s) => dot(q, turn(head(s, 1, j), s)) / Math.sqrt(size));
        return weighted(
          softmax(scores),
          tokens.map((_, s) => head(s, 2, j)),
        );
      });
      const attended = linear(mixed, get(`${name}.attn.proj.weight`), get(`${name}.attn.proj.bias`));
      return plus(token, scaled(attended, 'ls1'));
    });
    tokens = tokens.map(token =>
      plus(token, scaled(mlp(norm(token, get, `${name}.norm2`, epsilon), get, `${name}.mlp`, config), 'ls2')),
    );
  }
  return toChannels(tokens.slice(prefix).map(token => norm(token, get, 'norm', epsilon)));
}

interface PlainSam {
  patch: number;
  dim: number;
  depth: number;
  heads: number;
  window: number;
  global: readonly number[];
  grid: number;
  neck: number;
  axis: AxisWeights;
}

/** SAM's image encoder: features [neck,h,w]. */
export function plainSam(image: PlainImage, get: Get, config: PlainSam): number[] {
  const { patch, dim, heads, grid } = config;
  const epsilon = 1e-6;
  const [h, w] = [image.height / patch, image.width / patch];
  const table = positionTable(get('pos_embed'), dim, 0, grid, h, w, config.axis);
  let cells = patches(image, get, patch, dim, true).map((cell, t) => plus(cell, table[t]));
  const size = dim / heads;
  for (let block = 0; block < config.depth; block++) {
    const name = `blocks.${block}`;
    const global = config.global.includes(block);
    const [rows, columns] = global ? [h, w] : [config.window, config.window];
    const stored = 2 * (global ? grid : config.window) - 1;
    const offset = (direction: string, by: number, n: number) =>
      resizedRow(get(`${name}.attn.rel_pos_${direction}`), size, stored, 2 * n - 1, by + n - 1);
    const normal = cells.map(cell => norm(cell, get, `${name}.norm1`, epsilon));
    const out = cells.map(cell => [...cell]);
    for (let top = 0; top < h; top += rows) {
      for (let left = 0; left < w; left += columns) {
        const places = range(rows * columns).map(i => [top + Math.floor(i / columns), left + (i % columns)]);
        const qkv = places.map(([y, x]) => {
          // what stands beyond the border are zeros, after the norm
          const cell = y < h && x < w ? normal[y * w + x] : new Array<number>(dim).fill(0);
          return linear(cell, get(`${name}.attn.qkv.weight`), get(`${name}.attn.qkv.bias`));
        });
        places.forEach(([y, x], t) => {
          if (y >= h || x >= w) return;
          const mixed = range(heads).flatMap(j => {
            const q = slice(qkv[t], j * size, size);
            const scores = places.map(([y2, x2], s) => {
              const content = dot(q, slice(qkv[s], dim + j * size, size)) / Math.sqrt(size);
              return content + dot(q, offset('h', y - y2, rows)) + dot(q, offset('w', x - x2, columns));
            });
            return weighted(
              softmax(scores),
              qkv.map(all => slice(all, 2 * dim + j * size, size)),
            );
          });
          const attended = linear(mixed, get(`${name}.attn.proj.weight`), get(`${name}.attn.proj.bias`));
          out[y * w + x] = plus(cells[y * w + x], attended);
        });
      }
    }
    cells = out.map(cell => plus(cell, mlp(norm(cell, get, `${name}.norm2`, epsilon), get, `${name}.mlp`, {})));
  }
  const zeros = new Array<number>(config.neck).fill(0);
  const narrow = cells.map(cell => norm(linear(cell, get('neck.0.weight'), zeros), get, 'neck.1', epsilon));
  const kernel = get('neck.2.weight');
  const mixed = narrow.map((_, t) =>
    range(config.neck).map(o => {
      let sum = 0;
      for (const [dy, dx] of range(9).map(i => [Math.floor(i / 3) - 1, (i % 3) - 1])) {
        const [y, x] = [Math.floor(t / w) + dy, (t % w) + dx];
        if (y < 0 || x < 0 || y >= h || x >= w) continue;
        for (let c = 0; c < config.neck; c++) {
          sum += kernel[((o * config.neck + c) * 3 + dy + 1) * 3 + dx + 1] * narrow[y * w + x][c];
        }
      }
      return sum;
    }),
  );
  return toChannels(mixed.map(cell => norm(cell, get, 'neck.3', epsilon)));
}

/** x Phi(x). */
const plainGelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2));

/** The cubic kernel of Keys 1981. */
const cubic = (t: number, a: number): number => {
  const x = Math.abs(t);
  if (x <= 1) return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1;
  return x < 2 ? a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a : 0;
};

/** Cubic with A = -.75 at (i + .5) / scale - .5, the border repeated. */
export const cubicAxis =
  (scale: (trained: number, size: number) => number): AxisWeights =>
  (trained, size, i) => {
    const at = (i + 0.5) / scale(trained, size) - 0.5;
    const out = new Array<number>(trained).fill(0);
    for (let j = -4; j < trained + 4; j++) out[Math.min(Math.max(j, 0), trained - 1)] += cubic(j - at, -0.75);
    return out;
  };

/** Cubic with A = -.5 as wide as an output, over the inputs that there are. */
export const antialiasedAxis: AxisWeights = (trained, size, i) => {
  const centre = ((i + 0.5) * trained) / size - 0.5;
  const raw = range(trained).map(j => cubic((j - centre) / Math.max(trained / size, 1), -0.5));
  const total = raw.reduce((a, b) => a + b);
  return raw.map(x => x / total);
};

/** Linear, the outermost on the outermost. */
export const alignedAxis: AxisWeights = (trained, size, i) =>
  range(trained).map(j => Math.max(0, 1 - Math.abs((i * (trained - 1)) / Math.max(size - 1, 1) - j)));

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const slice = (x: ArrayLike<number>, at: number, n: number): Token => range(n).map(i => x[at + i]);
const plus = (a: Token, b: Token): Token => a.map((x, i) => x + b[i]);
const dot = (a: Token, b: Token): number => a.reduce((sum, x, i) => sum + x * b[i], 0);
const weighted = (weights: Token, rows: Token[]): Token =>
  rows[0].map((_, c) => weights.reduce((sum, weight, s) => sum + weight * rows[s][c], 0));

function softmax(scores: Token): Token {
  const largest = Math.max(...scores);
  const powers = scores.map(score => Math.exp(score - largest));
  const total = powers.reduce((a, b) => a + b);
  return powers.map(power => power / total);
}

const linear = (x: Token, weight: ArrayLike<number>, bias: ArrayLike<number>): Token =>
  Array.from(bias, (b, o) => x.reduce((sum, value, i) => sum + value * weight[o * x.length + i], b));

function norm(x: Token, get: Get, name: string, epsilon: number): Token {
  const mean = x.reduce((a, b) => a + b) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  const [weight, bias] = [get(`${name}.weight`), get(`${name}.bias`)];
  return x.map((value, c) => ((value - mean) / Math.sqrt(variance + epsilon)) * weight[c] + bias[c]);
}

function mlp(x: Token, get: Get, name: string, config: Pick<PlainVit, 'gated' | 'activation'>): Token {
  const layer = (input: Token, part: string) =>
    linear(input, get(`${name}.${part}.weight`), get(`${name}.${part}.bias`));
  if (!config.gated) return layer(layer(x, 'fc1').map(config.activation ?? plainGelu), 'fc2');
  const both = layer(x, 'w12');
  const half = both.length / 2;
  return layer(
    range(half).map(i => (both[i] / (1 + Math.exp(-both[i]))) * both[half + i]),
    'w3',
  );
}

function patches({ pixels, height, width, clicks }: PlainImage, get: Get, patch: number, dim: number, bias: boolean) {
  const weight = get('patch_embed.proj.weight');
  const [h, w] = [height / patch, width / patch];
  return range(h * w).map(t =>
    range(dim).map(o => {
      let sum = bias ? get('patch_embed.proj.bias')[o] : 0;
      for (let i = 0; i < 3 * patch * patch; i++) {
        const [c, dy, dx] = [Math.floor(i / patch ** 2), Math.floor(i / patch) % patch, i % patch];
        const [y, x] = [Math.floor(t / w) * patch + dy, (t % w) * patch + dx];
        sum += weight[o * 3 * patch * patch + i] * pixels[(c * height + y) * width + x];
      }
      return sum + (clicks ? clicks[o * h * w + t] : 0);
    }),
  );
}

function positionTable(
  table: ArrayLike<number>,
  dim: number,
  prefix: number,
  n: number,
  h: number,
  w: number,
  axis: AxisWeights,
): Token[] {
  const row = (t: number) => slice(table, t * dim, dim);
  if (h === n && w === n) return range(prefix + n * n).map(row);
  const cells = range(h * w).map(t => {
    const [vertical, horizontal] = [axis(n, h, Math.floor(t / w)), axis(n, w, t % w)];
    return range(dim).map(c =>
      range(n * n).reduce(
        (sum, s) => sum + vertical[Math.floor(s / n)] * horizontal[s % n] * table[(prefix + s) * dim + c],
        0,
      ),
    );
  });
  return [...range(prefix).map(row), ...cells];
}

/** Row i of a table [stored,d] that is resized linearly to `size` rows, pixel centres on pixel centres. */
function resizedRow(table: ArrayLike<number>, d: number, stored: number, size: number, i: number): Token {
  const at = Math.min(Math.max(((i + 0.5) * stored) / size - 0.5, 0), stored - 1);
  const low = Math.min(Math.floor(at), stored - 2);
  return range(d).map(c => (1 - at + low) * table[low * d + c] + (at - low) * table[(low + 1) * d + c]);
}

/** RoPE over two axes: quarter by quarter of the channels row and column angles, the two halves being the pairs. */
function rotated(x: Token, row: number, column: number, h: number, w: number): Token {
  const quarter = x.length / 4;
  const out = [...x];
  for (let j = 0; j < 2 * quarter; j++) {
    const place = j < quarter ? (2 * row + 1) / h - 1 : (2 * column + 1) / w - 1;
    const angle = 2 * Math.PI * place * 100 ** -((j % quarter) / quarter);
    const [a, b] = [x[j], x[j + 2 * quarter]];
    out[j] = a * Math.cos(angle) - b * Math.sin(angle);
    out[j + 2 * quarter] = b * Math.cos(angle) + a * Math.sin(angle);
  }
  return out;
}

function toChannels(tokens: Token[]): number[] {
  return tokens[0].flatMap((_, c) => tokens.map(token => token[c]));
}

/** By its power series; beyond 4 it is 1 to float32. */
function erf(x: number): number {
  if (Math.abs(x) > 4) return Math.sign(x);
  let [sum, term] = [0, x];
  for (let n = 0; n < 80; n++) {
    sum += term / (2 * n + 1);
    term *= (-x * x) / (n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
