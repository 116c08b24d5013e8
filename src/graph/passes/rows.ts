import { makeNode } from '../op.ts';
import { after, concat, slice, waitsFor } from '../ops/layout.ts';
import { count, type Rate, rates, type Tensor, topological, VIEWS } from '../tensor.ts';
import { type Cut, type Cutter, overlapping, sliceThrough } from './slice-through.ts';

/** A map [1,C,H,W] that is made in bands of rows, each only when it is asked for, and once. */
export interface Banded {
  /** The first row of every band. */
  starts: readonly number[];
  /** [1,C,rows,W]. */
  band(index: number): Tensor;
}

interface Options {
  /** Makes a node of the old graph in full. */
  whole(node: Tensor): Tensor;
  /** How a node of the old graph, a map of one image, is made in bands; null where it is not. */
  banded(node: Tensor): Banded | null;
  /** What takes so many bytes at most is made and held in full. */
  smallBytes: number;
  /** What takes more than this is not held from run to run: see `Rows`. */
  heldBytes: number;
}

/** What is asked for. */
interface Demand {
  /** Of what asks. */
  rate: number;
  /** It waits for what was made before, however seldom it changes. */
  waiting: boolean;
}

/** Nodes that one part of a concatenation alone needs. */
interface Ownership {
  /** The part, by node. */
  owner: ReadonlyMap<Tensor, Tensor>;
  /** What the parts take from their slower nodes is too much to be held from run to run. */
  heavy: boolean;
}

/**
 * Makes parts of values of an old graph without the rest of them, in a new graph. Parts are asked for in the order in
 * which they are to be computed: whatever is made waits for what was made before it, so that nothing is there long before
 * it is used.
 *
 * What a concatenation puts together along the axis that is cut (chunks of attention, bands of a filter) is made piece by
 * piece, each piece once, when the first part asks for it. Values that change less often than what asks for them (those
 * that come from the image alone) are held in full from one run to the next, up to `heldBytes` each; larger ones are made
 * again in parts.
 */
export class Rows {
  /** The piece made last, by rate. */
  private readonly last = new Map<number, Tensor>();
  private readonly pieces = new Map<Tensor, Tensor>();
  private readonly cuts = new Map<Tensor, Map<string, Tensor>>();
  private readonly images = new Map<Tensor, Map<string, Tensor>>();
  private readonly owned = new Map<Tensor, Ownership>();
  /** Nodes that one part of a map alone needs. */
  private readonly ofPieces = new Set<Tensor>();
  private readonly known = new Map<Tensor, number>();
  /** Rate of what asks for a map that is made in bands. */
  private asking = 0;

  constructor(private readonly options: Options) {}

  /** Rows `start` .. `start + length - 1` of a map [1,C,H,W], or of one whose rows are another axis. */
  of(map: Tensor, start: number, length: number, axis = 2): Tensor {
    const rate = Math.max(this.rate(map), this.asking);
    return this.cut(map, { axis, start, length }, { rate, waiting: rate > this.rate(map) });
  }

  /** One image of a map [B,..,H,W], in the old graph: a node as any other there. */
  imageOf(map: Tensor, image: number): Tensor {
    if (map.shape[0] === 1) return map;
    return remembered(this.images, map, `0:${image}`, () => this.single(map, { axis: 0, start: image, length: 1 }));
  }

  /** To be told of what a caller has made of parts for a node of the old graph: the next one waits for it. */
  made(value: Tensor, node: Tensor): void {
    this.last.set(Math.max(this.rate(node), this.asking), value);
  }

  /** How often a node of the old graph changes, as index into `rates`. */
  rate(node: Tensor): number {
    if (!this.known.has(node)) {
      for (const each of topological([node])) {
        if (this.known.has(each)) continue;
        const own = each.op === 'input' ? rates.indexOf(each.attributes.rate as Rate) : 0;
        this.known.set(each, Math.max(own, ...each.inputs.map(x => this.known.get(x)!)));
      }
    }
    return this.known.get(node)!;
  }

  /** A node in full is made as often as it changes, whatever asks for it. */
  private readonly whole = (node: Tensor): Tensor => {
    const before = this.asking;
    this.asking = 0;
    const value = this.options.whole(node);
    this.asking = before;
    return value;
  };

  private small(node: Tensor): boolean {
    return node.inputs.length === 0 || 4 * count(node.shape) <= this.options.smallBytes;
  }

  /** A cut of a node in the old graph, as a node of the old graph: the cut goes as far down as it can. */
  private single(node: Tensor, cut: Cut): Tensor {
    const of: Cutter = (x, each) =>
      remembered(this.images, x, `${each.axis}:${each.start}:${each.length}`, () => this.single(x, each));
    // done for all images at once, what a piece alone needs would be held from the piece of one image to that of the next
    if (node.op === 'concat' && node.attributes.axis === 2) for (const x of owners(node).keys()) this.ofPieces.add(x);
    const made = this.small(node) && !this.ofPieces.has(node) ? null : sliceThrough(node, cut, of, x => x);
    if (!made) return slice(node, cut.axis, cut.start, cut.length);
    // only what would else be held from run to run has to be known for one that waits
    const gate = waitsFor(node);
    return gate && this.rate(node.inputs[0]) < this.rate(node) ? after(made, gate) : made;
  }

  private cut(node: Tensor, cut: Cut, demand: Demand): Tensor {
    const key = `${cut.axis}:${cut.start}:${cut.length}`;
    return remembered(this.cuts, node, key, () => {
      if (node.op === 'slice' && node.attributes.axis === 0 && node.attributes.length === 1) {
        const image = this.imageOf(node.inputs[0], node.attributes.start as number);
        // no more than it was where the images are made together
        if (image.op !== 'slice') return this.cut(image, cut, demand);
      }
      const { rate } = demand;
      const slower = this.rate(node) < rate;
      if (!VIEWS.has(node.op) && (this.small(node) || (slower && 4 * count(node.shape) <= this.options.heldBytes))) {
        return this.held(node, cut, demand);
      }
      const inner = { rate, waiting: demand.waiting || slower || waitsFor(node) !== undefined };
      const banded = cut.axis === 2 ? this.options.banded(node) : null;
      if (banded) return this.bandedRows(banded, cut, node.shape[2], rate);
      if (node.op === 'concat' && node.attributes.axis === cut.axis) {
        const pieces = overlapping(node.inputs, cut, (part, each) =>
          // too much for one piece: a map between its borders
          4 * count(part.shape) > this.options.heldBytes
            ? this.cut(part, each, inner)
            : this.waitingPart(this.piece(part, node, inner), each, rate),
        );
        return concat(pieces, cut.axis);
      }
      const of: Cutter = (x, each) => this.cut(x, each, inner);
      return sliceThrough(node, cut, of, this.whole) ?? this.held(node, cut, demand);
    });
  }

  /** A cut of what is held in full. */
  private held(node: Tensor, { axis, start, length }: Cut, { rate, waiting }: Demand): Tensor {
    const value = slice(this.whole(node), axis, start, length);
    const last = this.last.get(rate);
    return last && (waiting || this.rate(node) === rate) ? after(value, last) : value;
  }

  /** A part of what may have been made for an earlier band: else a band that needs nothing new would wait for nothing. */
  private waitingPart(value: Tensor, { axis, start, length }: Cut, rate: number): Tensor {
    const part = slice(value, axis, start, length);
    const last = this.last.get(rate);
    return part === value || !last ? part : after(part, last);
  }

  private bandedRows({ starts, band }: Banded, { start, length }: Cut, height: number, rate: number): Tensor {
    const before = this.asking;
    this.asking = rate;
    const ends = [...starts.slice(1), height];
    const rows = starts.flatMap((from, i) => {
      const [first, end] = [Math.max(start, from), Math.min(start + length, ends[i])];
      return end > first
        ? [this.waitingPart(band(i), { axis: 2, start: first - from, length: end - first }, rate)]
        : [];
    });
    this.asking = before;
    return concat(rows, 2);
  }

  /** What a concatenation is made of, each made from cuts of what it shares with the others. */
  private piece(part: Tensor, whole: Tensor, demand: Demand): Tensor {
    const found = this.pieces.get(part);
    if (found) return found;
    const { rate } = demand;
    const { owner, heavy } = this.ownership(whole, rate);
    const own = (x: Tensor) => owner.get(x) === part;
    const made = new Map<Tensor, Tensor>();
    const valueAt = (x: Tensor) => made.get(x) ?? this.whole(x);
    for (const node of topologicalWithin(part, own)) {
      const [x] = node.inputs;
      const waiting = demand.waiting || heavy || waitsFor(node) !== undefined;
      if (node.op === 'slice' && !own(x)) {
        const of: Cutter = (y, each) => this.cut(y, each, { rate, waiting });
        const { axis, length } = node.attributes as { axis: number; length: number };
        made.set(node, sliceThrough(node, { axis, start: 0, length }, of, this.whole)!);
      } else if (waitsFor(node)) {
        const last = this.last.get(rate);
        const value = node.op === 'slice' ? makeNode('slice', [valueAt(x)], node.attributes) : valueAt(x);
        made.set(node, own(x) || !last ? value : after(value, last));
      } else {
        made.set(node, node.inputs.length === 0 ? node : makeNode(node.op, node.inputs.map(valueAt), node.attributes));
      }
    }
    const value = valueAt(part);
    this.pieces.set(part, value);
    this.last.set(rate, value);
    return value;
  }

  private ownership(whole: Tensor, rate: number): Ownership {
    const found = this.owned.get(whole);
    if (found) return found;
    const owner = owners(whole);
    const slower = new Set<Tensor>();
    for (const node of owner.keys()) {
      if (this.rate(node) === rate) for (const x of needs(node)) if (owner.has(x) && this.rate(x) < rate) slower.add(x);
    }
    const bytes = [...slower].reduce((sum, { shape, inputs }) => sum + (inputs.length > 0 ? 4 * count(shape) : 0), 0);
    const made = { owner, heavy: bytes > this.options.heldBytes };
    this.owned.set(whole, made);
    return made;
  }
}

/** Which part of a concatenation alone needs a node, by node; not there for what several need. Waiting is no need. */
function owners({ inputs: parts }: Tensor): Map<Tensor, Tensor> {
  const owner = new Map<Tensor, Tensor | null>();
  for (const part of parts) {
    const stack = [part];
    while (stack.length > 0) {
      const node = stack.pop()!;
      const known = owner.get(node);
      if (known === part || known === null) continue;
      owner.set(node, known === undefined ? part : null);
      stack.push(...needs(node));
    }
  }
  return new Map([...owner].filter((entry): entry is [Tensor, Tensor] => entry[1] !== null));
}

const needs = (node: Tensor): readonly Tensor[] => (waitsFor(node) ? node.inputs.slice(0, 1) : node.inputs);

/** Nodes that `part` needs among `own`, inputs first. */
function topologicalWithin(part: Tensor, own: (x: Tensor) => boolean): Tensor[] {
  const order = new Set<Tensor>();
  const entered = new Set<Tensor>();
  const stack = own(part) ? [part] : [];
  while (stack.length > 0) {
    const node = stack[stack.length - 1];
    if (entered.has(node)) {
      order.add(stack.pop()!);
      continue;
    }
    entered.add(node);
    for (const x of needs(node)) if (own(x) && !entered.has(x)) stack.push(x);
  }
  return [...order];
}

function remembered(memory: Map<Tensor, Map<string, Tensor>>, node: Tensor, key: string, make: () => Tensor): Tensor {
  const own = memory.get(node) ?? new Map<string, Tensor>();
  memory.set(node, own);
  const value = own.get(key) ?? make();
  own.set(key, value);
  return value;
}
