import { UserError } from '../base/errors.ts';
import { count, type Shape } from '../graph/tensor.ts';
import type { Layout } from './layout.ts';
import type { Weights } from './weight.ts';

interface Needed {
  name: string;
  shape: Shape;
}

type File = ReadonlyMap<string, Readonly<{ shape: Shape; data: Float32Array }>>;

/** What a parameter takes from the file: consecutive rows of it, which are a tensor there. */
interface Part {
  parameter: Needed;
  /** null where the file holds nothing and the rows are zeros. */
  theirs: string | null;
  /** First element in the parameter. */
  at: number;
  /** As the file has it. */
  shape: Shape;
  transposed: boolean;
}

/** A way to read the file: a layout, and what stands in front of all its names. */
interface Reading {
  layout: Layout;
  prefix: string;
  parts: Part[];
  found: number;
  missing: number;
  /** Found, but of another shape. */
  unfit: number;
}

const HINT = 'Is it the file of another model or size?';

/**
 * The parameters of a network from the tensors of a file, under our names and in our shapes. The layout is told from
 * the names, and so is a prefix that they share (`model.`, `visual.`, `teacher.backbone.` ...). Tensors that no layout
 * knows (heads, decoders, text towers) are left alone; axes of size 1 may be there or not.
 *
 * @param path for messages.
 * @param network for messages.
 * @throws UserError naming the file and the tensors where some are missing, have another shape or belong to another
 *   network, or where two prefixes fit alike.
 */
export function fitWeights(
  file: File,
  path: string,
  network: string,
  needed: readonly Needed[],
  layouts: readonly Layout[],
): Weights {
  const { layout, prefix, parts } = bestReading(file, path, network, needed, layouts);
  const complaints = parts.flatMap(({ theirs, shape }) => {
    const found = theirs === null ? undefined : file.get(prefix + theirs);
    if (theirs === null || (found && fits(found.shape, shape))) return [];
    const given = found ? `[${found.shape}]` : 'nothing';
    return [`tensor "${prefix}${theirs}" should be of shape [${shape}], found ${given}`];
  });
  if (complaints.length > 0) {
    throw new UserError(`${path} (${layout.name} names) does not fit ${network}: ${listed(complaints, '; ')}. ${HINT}`);
  }
  const others = foreign(file, prefix, layouts, new Set(needed.map(({ name }) => name)));
  if (others.length > 0) {
    throw new UserError(`${path} holds tensors that ${network} does not have: ${listed(others, ', ')}. ${HINT}`);
  }
  return assembled(file, prefix, parts);
}

function bestReading(file: File, path: string, network: string, needed: readonly Needed[], layouts: readonly Layout[]) {
  const readings = layouts.flatMap(layout => {
    const parts = needed.flatMap(parameter => partsOf(parameter, layout, network));
    return prefixes(file, new Set(parts.map(({ theirs }) => theirs))).map(prefix =>
      reading(file, layout, prefix, parts),
    );
  });
  const [best, next] = readings.sort((a, b) => a.missing - b.missing || a.unfit - b.unfit || b.found - a.found);
  if (!best) {
    const known = [...new Set(layouts.map(({ name }) => name))].join(' or ');
    throw new UserError(
      `${path} does not hold ${network}: no tensor has a name as in ${known} files; found ${listed([...file.keys()], ', ') || 'no tensor at all'}`,
    );
  }
  const complete = (r?: Reading) => r !== undefined && r.missing + r.unfit === 0;
  if (complete(best) && complete(next) && next.layout === best.layout) {
    throw new UserError(
      `${path} holds ${network} twice, under "${best.prefix}" and "${next.prefix}". Save the one you mean to a file of its own`,
    );
  }
  return best;
}

function reading(file: File, layout: Layout, prefix: string, parts: Part[]): Reading {
  const out: Reading = { layout, prefix, parts, found: 0, unfit: 0, missing: 0 };
  for (const { theirs, shape } of parts) {
    if (theirs === null) continue;
    const tensor = file.get(prefix + theirs);
    if (!tensor) out.missing++;
    else if (fits(tensor.shape, shape)) out.found++;
    else out.unfit++;
  }
  return out;
}

function partsOf(parameter: Needed, layout: Layout, network: string): Part[] {
  const source = layout.source(parameter.name);
  if (!source) throw new Error(`the ${layout.name} layout has no place for "${parameter.name}" of ${network}`);
  const { names, first, transposed = false } = source;
  const [rows = 1, ...rest] = bare(parameter.shape);
  const [only] = names;
  if (names.length === 1) {
    const shape = transposed ? [...parameter.shape].reverse() : parameter.shape;
    return [{ parameter, theirs: only, at: 0, shape, transposed }];
  }
  const size = (i: number) =>
    first === undefined ? rows / names.length : i === 0 ? first : (rows - first) / (names.length - 1);
  let at = 0;
  return names.map((theirs, i) => {
    const part = { parameter, theirs, at, shape: [size(i), ...rest], transposed };
    at += size(i) * count(rest);
    return part;
  });
}

/** What stands before the beginning or a dot, in front of any of the names. */
function prefixes(file: File, names: ReadonlySet<string | null>): string[] {
  const out = new Set<string>();
  for (const key of file.keys()) {
    for (let at = 0; ; ) {
      if (names.has(key.slice(at))) out.add(key.slice(0, at));
      const dot = key.indexOf('.', at);
      if (dot < 0) break;
      at = dot + 1;
    }
  }
  return [...out];
}

/** Tensors under the prefix that belong to parameters of the family which the network does not have, in any layout. */
function foreign(file: File, prefix: string, layouts: readonly Layout[], wanted: ReadonlySet<string>): string[] {
  return [...file.keys()].filter(key => {
    if (!key.startsWith(prefix)) return false;
    const parameters = layouts.flatMap(layout => layout.parameters(key.slice(prefix.length)));
    return parameters.length > 0 && !parameters.some(name => wanted.has(name));
  });
}

function assembled(file: File, prefix: string, parts: readonly Part[]): Weights {
  const weights: Weights = new Map();
  for (const { parameter, theirs, at, shape, transposed } of parts) {
    const stored = theirs === null ? undefined : file.get(prefix + theirs)!.data;
    const whole = stored?.length === count(parameter.shape);
    if (whole) {
      weights.set(parameter.name, { shape: parameter.shape, data: transposed ? transpose(stored, shape) : stored });
      continue;
    }
    const data = weights.get(parameter.name)?.data ?? new Float32Array(count(parameter.shape));
    if (stored) data.set(stored, at);
    weights.set(parameter.name, { shape: parameter.shape, data });
  }
  return weights;
}

/** [rows, columns] -> [columns, rows] */
function transpose(data: Float32Array, [rows, columns]: Shape): Float32Array {
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j];
  return out;
}

/** Without axes of size 1, which files add and leave out. */
const bare = (shape: Shape): Shape => shape.filter(size => size !== 1);

const fits = (a: Shape, b: Shape): boolean => String(bare(a)) === String(bare(b));

const listed = (items: readonly string[], separator: string): string =>
  items.slice(0, 5).join(separator) + (items.length > 5 ? `${separator}... (${items.length})` : '');
