import { Random } from '../base/random.ts';
import { reshape } from '../graph/ops/basic.ts';
import { add, detach, sub } from '../graph/ops/elementwise.ts';
import { concat, slice } from '../graph/ops/layout.ts';
import { matmul, resample } from '../graph/ops/linear.ts';
import { mean } from '../graph/ops/reduce.ts';
import { constant, count, GraphError, type Matrix, type Tensor } from '../graph/tensor.ts';
import { adaptiveAverage, bilinear } from '../nn/resize.ts';
import { Scope } from '../nn/scope.ts';
import { pooled } from './encoder.ts';
import { implicitNetwork } from './implicit-network.ts';
import { drawJitter, finer, jitterAxes, jitterMatrix } from './jitter.ts';
import { scaledColours } from './loftup.ts';
import { ridgeSolve } from './ridge.ts';
import type { UpsampleOptions, Upsampler } from './types.ts';

const NETWORK = { channels: 256, frequencies: 30, highest: 2, borders: true };
/** Of the last layer, fitted to all views, and of the change of what the picture itself gives. */
const RIDGE = { layer: 3e-3, change: 1e-2 };
/** The network is fitted on a grid of so many pixels at most, whole ones per cell. */
const GRID_PIXELS = 128 ** 2;
/** Views beside the picture itself: so many that they have this many cells together. */
const VIEWS = { cells: 3200, least: 4, most: 32 };
/** Cells of the views that the backbone sees at once. */
const CELLS_AT_ONCE = 8000;
const HALF = { alignCorners: false };

type Size = readonly [height: number, width: number];
type Look = NonNullable<UpsampleOptions['look']>;

/**
 * FeatUp's implicit upsampler (Fu et al. 2024, arXiv 2403.10516, section 3.3): a network of place and colour is fitted to
 * one picture, so that what it gives, moved, zoomed and mirrored as views of the picture are, and averaged over cells, is
 * what the backbone says of these views.
 *
 * FeatUp fits all layers by thousands of steps. Here the hidden layers keep their random start, and the last one is the
 * exact solution of a ridge regression over all views: a second in place of minutes (docs/decisions/0014). Clicks change
 * `features` but not the views: the change is brought to the same hidden layer by a regression over the picture's own
 * cells, and what that leaves of it bilinearly. So the result is linear in the change.
 *
 * @param features [B,C,h,w].
 * @param image [B,3,H,W], H / h = W / w whole.
 * @returns [B,C,...size].
 * @throws GraphError for other sizes.
 */
export function featUpImplicit(features: Tensor, image: Tensor, size: Size, look: Look): Tensor {
  const [b, c, h, w] = features.shape;
  const stride = image.shape[2] / h;
  if (!Number.isInteger(stride) || image.shape[3] !== w * stride) {
    throw new GraphError(
      `featup-implicit: ${image.shape.slice(2).join('x')} pixels are no whole multiple of ${h}x${w} cells`,
    );
  }
  const { grid, views } = viewsOf([h, w], stride);
  const looks = lookedAt(look, views, b * h * w);
  const { channels } = NETWORK;
  const maps = Array.from({ length: b }, (_, i) => {
    const colours = scaledColours(slice(image, 0, i, 1), false);
    const scope = startOf(colours);
    const hidden = (size: Size) => implicitNetwork(pooled(colours, size), scope, NETWORK);
    const onGrid = hidden(grid);
    const seen = views.map(({ averaged }) => reshape(resample(onGrid, ...averaged), [channels, h * w]));
    const said = looks.map(each => reshape(slice(each, 0, i, 1), [c, h * w]));
    const [all, whole] = [concat(seen, 1), concat(said, 1)];
    const layer = ridgeFit(all, matmul(centred(all), centred(whole), { transB: true }), RIDGE.layer);

    // what makes a layer of values at the picture's own cells is the same for every click
    const toLayer = ridgeFit(seen[0], centred(seen[0]), RIDGE.change);
    const change = sub(reshape(slice(features, 0, i, 1), [c, h * w]), said[0]);
    const layerOfChange = matmul(toLayer, change, { transB: true });
    const ofHidden = (layer: Tensor, x: Tensor) => matmul(layer, x, { transA: true });
    const bias = sub(mean(whole, [1]), ofHidden(layer, mean(all, [1])));
    const left = reshape(sub(change, ofHidden(layerOfChange, centred(seen[0]))), [1, c, h, w]);

    const both = add(layer, layerOfChange);
    const shift = sub(bias, ofHidden(layerOfChange, mean(seen[0], [1])));
    const fine = add(ofHidden(both, reshape(hidden(size), [channels, count(size)])), shift);
    return add(reshape(fine, [1, c, ...size]), resample(left, bilinear(h, size[0], HALF), bilinear(w, size[1], HALF)));
  });
  return concat(maps, 0);
}

/** What is [K,n] less its mean over n. */
const centred = (x: Tensor): Tensor => sub(x, mean(x, [1]));

/** Ridge regression on `seen` [K,n], solved for the products [K,..] of what is centred with the values to be given. */
function ridgeFit(seen: Tensor, products: Tensor, ridge: number): Tensor {
  const x = centred(seen);
  return ridgeSolve(matmul(x, x, { transB: true }), ridge, products);
}

type Matrices = [down: Matrix | undefined, across: Matrix | undefined];

/** How a view is made. */
interface View {
  /** Of the picture. */
  moved: Matrices;
  /** Its cells, of what the network gives on its grid. */
  averaged: Matrices;
}

/** The picture itself and views, the same for every picture of that size. */
export function viewsOf(cells: Size, stride: number): { grid: Size; views: View[] } {
  const perCell = Array.from({ length: stride }, (_, i) => stride - i).find(
    n => stride % n === 0 && (n === 1 || n ** 2 * count(cells) <= GRID_PIXELS),
  )!;
  const grid: Size = [cells[0] * perCell, cells[1] * perCell];
  const means = cells.map((n, axis) => adaptiveAverage(grid[axis], n));
  const number = Math.min(VIEWS.most, Math.max(VIEWS.least, Math.round(VIEWS.cells / count(cells))));
  const views = Array.from({ length: number }, (_, i): View => {
    const jitter = drawJitter(grid, Random.of(0, 'featup-implicit', i));
    const [down, across] = jitterAxes(finer(jitter, stride / perCell), [cells[0] * stride, cells[1] * stride]);
    const [rows, columns] = jitterAxes(jitter, grid);
    return {
      moved: [jitterMatrix(down), jitterMatrix(across)],
      averaged: [product(means[0], jitterMatrix(rows)), product(means[1], jitterMatrix(columns))],
    };
  });
  return { grid, views: [{ moved: [undefined, undefined], averaged: [means[0], means[1]] }, ...views] };
}

/** What the backbone says of the views, each [B,C,h,w]: of as many at once as memory allows. */
function lookedAt(look: Look, views: readonly View[], cells: number): Tensor[] {
  const atOnce = Math.max(1, Math.floor(CELLS_AT_ONCE / cells));
  const parts = Array.from({ length: Math.ceil(views.length / atOnce) }, (_, i) => {
    const own = views.slice(i * atOnce, (i + 1) * atOnce);
    const all = detach(
      look(image =>
        concat(
          own.map(({ moved }) => resample(image, ...moved)),
          0,
        ),
      ),
    );
    const b = all.shape[0] / own.length;
    return own.map((_, j) => slice(all, 0, j * b, b));
  });
  return parts.flat();
}

/** The network's initial parameters by name, the same for every picture. */
export function startValues(colours: Tensor): Map<string, Tensor> {
  const asked = Scope.frozen('implicit');
  implicitNetwork(colours, asked, NETWORK);
  return new Map(
    [...asked.parameters.values()].map(({ name, shape, initialise }) => [
      name,
      constant(initialise(shape, Random.of(0, name)), shape),
    ]),
  );
}

function startOf(colours: Tensor): Scope {
  const values = startValues(colours);
  return Scope.frozen('implicit').changed(name => values.get(`implicit.${name}`)!);
}

/** Matrices whose rows hold few numbers beside 0. */
function product(a: Matrix, b: Matrix): Matrix {
  const data = new Float32Array(a.rows * b.cols);
  a.data.forEach((factor, at) => {
    if (factor === 0) return;
    const [i, k] = [Math.floor(at / a.cols), at % a.cols];
    for (let j = 0; j < b.cols; j++) data[i * b.cols + j] += factor * b.data[k * b.cols + j];
  });
  return { rows: a.rows, cols: b.cols, data };
}

export const featUpImplicitUpsampler: Upsampler = {
  name: 'featup-implicit',
  description: 'FeatUp, implicit: a network of place and colour, its last layer fitted to views of every picture',
  source: 'Fu et al. 2024, arXiv 2403.10516; github.com/mhamilton723/FeatUp',
  licence: 'none needed',
  learned: false,
  linear: false,
  agnostic: true,
  ratio: 'any',
  upsample(features, image, size, _, { look } = {}) {
    if (!look)
      throw new GraphError('featup-implicit: it is fitted to what a backbone says of views, and there is no backbone');
    return featUpImplicit(features, image, size, look);
  },
};
