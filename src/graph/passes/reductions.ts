import { makeNode, withInputs } from '../op.ts';
import { add } from '../ops/elementwise.ts';
import { concat } from '../ops/layout.ts';
import { count, rates, type Tensor } from '../tensor.ts';
import { joinedMoments, type Moments, momentsIn, momentsOfPart } from './moments.ts';
import { onDemand } from './rewrite.ts';
import { Rows } from './rows.ts';
import { sliceThrough } from './slice-through.ts';
import type { WinogradOptions } from './winograd.ts';

/** Ops that make little of much of a map: statistics of a norm, poolings, convolutions with a stride. */
const REDUCING = new Set(['sum', 'resample', 'conv2d']);

const IMAGE = rates.indexOf('image');

const bytes = ({ shape }: Tensor): number => 4 * count(shape);

/**
 * What is made of a large map of the image and takes at most half as much (the statistics of a norm, a pooling) is made
 * of bands of the map's rows, one after the other, for an inference. The map itself is then made by nobody, unless
 * something else wants it: each band is made from the last values that are not large, again for every reduction. Both sums
 * of a norm come of the same bands. The layers of an MLP likewise, of image or clicks, in runs of tokens.
 *
 * Maps [B,..,H,W] and hidden layers count as large where they take more than `4 * keepBytes`, what `Rows` holds from click
 * to click.
 */
export function reductions(
  outputs: readonly Tensor[],
  { bandBytes, keepBytes }: Pick<WinogradOptions, 'bandBytes' | 'keepBytes'>,
): Tensor[] {
  const heldBytes = 4 * keepBytes;

  /** The second layer of an MLP, token by token. */
  const narrows = ({ op, inputs, attributes }: Tensor): boolean =>
    op === 'matmul' && !attributes.transA && templates.rate(inputs[1]) < IMAGE;

  const reduces = (node: Tensor): boolean => {
    const [x] = node.inputs;
    if (!(REDUCING.has(node.op) && x.shape.length >= 4) && !narrows(node)) return false;
    const reduced = bytes(x) > heldBytes && 2 * bytes(node) <= bytes(x);
    const rate = templates.rate(node);
    return reduced && (narrows(node) ? rate >= IMAGE : rate === IMAGE);
  };

  const whole = onDemand(reduces, node => (reduces(node) && inBands(node)) || withInputs(node, node.inputs.map(whole)));

  const options = { whole, banded: () => null, smallBytes: keepBytes / 4, heldBytes };
  const templates = new Rows(options);
  /** The part made last: all reductions are made one after the other. */
  let last: Tensor | undefined;

  /** Bytes of the largest of the values that a map is made of band by band. */
  const widest = (map: Tensor): number => {
    const found = new Set([map]);
    for (const node of found) for (const x of node.inputs) if (bytes(x) > heldBytes) found.add(x);
    return Math.max(...[...found].map(bytes));
  };

  /** Parts of an axis of a map, one after the other; null where an op does not say which rows it sees. */
  const parts = <T>(
    map: Tensor,
    height: number,
    unit: number,
    node: Tensor,
    make: (rows: Rows, start: number, length: number) => { made: T; last: Tensor } | null,
  ): T[] | null => {
    const size = unit * Math.max(1, Math.floor((3 * bandBytes * height) / widest(map) / unit));
    // parts of its own: those of another reduction would be held until the last of them is used
    const rows = new Rows(options);
    const found: T[] = [];
    for (let start = 0; start < height; start += size) {
      if (last) rows.made(last, node);
      const part = make(rows, start, Math.min(size, height - start));
      if (!part) return null;
      last = part.last;
      found.push(part.made);
    }
    return found;
  };

  const norms = new Map<Tensor, Moments>();
  for (const each of momentsIn(outputs)) {
    const { map, axes, total, squares } = each;
    const ofRows = axes.includes(map.shape.length - 2) && !axes.includes(0);
    if (ofRows && reduces(total) && reduces(squares)) norms.set(total, each).set(squares, each);
  }
  const sums = new Map<Moments, { total: Tensor; squares: Tensor }>();

  /** Null where the op does not say which rows it sees. */
  const inBands = (node: Tensor): Tensor | null => {
    const norm = norms.get(node);
    if (norm) return momentsOf(norm)[node === norm.total ? 'total' : 'squares'];
    if (narrows(node)) return image(node, node);
    const images: Tensor[] = [];
    for (let i = 0; i < node.shape[0]; i++) {
      const one =
        node.shape[0] === 1
          ? node
          : sliceThrough(
              node,
              { axis: 0, start: i, length: 1 },
              x => templates.imageOf(x, i),
              x => x,
            );
      const made = one && image(one, node);
      if (!made) return null;
      images.push(made);
    }
    return concat(images, 0);
  };

  const momentsOf = (norm: Moments): { total: Tensor; squares: Tensor } => {
    const known = sums.get(norm);
    if (known) return known;
    const { map, axes, total } = norm;
    const axis = map.shape.length - 2;
    const images = Array.from({ length: map.shape[0] }, (_, i) => {
      const one = templates.imageOf(map, i);
      const found = parts(one, one.shape[axis], 1, total, (rows, start, length) => {
        const made = momentsOfPart(rows.of(one, start, length, axis), axes);
        return { made, last: made.squares };
      });
      return joinedMoments(found!);
    });
    const made = {
      total: concat(
        images.map(each => each.total),
        0,
      ),
      squares: concat(
        images.map(each => each.squares),
        0,
      ),
    };
    sums.set(norm, made);
    return made;
  };

  const image = (node: Tensor, batch: Tensor): Tensor | null => {
    const [x] = node.inputs;
    const axis = x.shape.length - 2;
    const summed = node.op === 'sum' && (node.attributes.axes as readonly number[]).includes(axis);
    const height = (summed ? x : node).shape[axis];
    const found = parts(x, height, narrows(node) ? tokensOfRow(x) : 1, batch, (rows, start, length) => {
      const part = summed
        ? makeNode('sum', [rows.of(x, start, length, axis)], node.attributes)
        : sliceThrough(node, { axis, start, length }, (y, cut) => rows.of(y, cut.start, cut.length, cut.axis), whole);
      return part && { made: part, last: part };
    });
    if (!found) return null;
    return summed ? found.reduce(add) : concat(found, axis);
  };

  return outputs.map(whole);
}

/** Tokens that lie in a row of the map [..,H,W,C] that they are of; 1 where they are of none. */
function tokensOfRow(tokens: Tensor): number {
  let map = tokens;
  while (map.op === 'reshape') [map] = map.inputs;
  return map.shape.length > 3 ? map.shape.at(-2)! : 1;
}
