import { zipArchive } from './archives.ts';

// What Python and PyTorch write, made without them.

type Py = null | boolean | number | bigint | string | Uint8Array | Py[] | Map<Py, Py> | PyNode;

interface PyNode {
  encode(pickle: Pickle): void;
}

/** Opcodes one after the other; for hostile pickles by hand too. */
export class Pickle {
  private readonly out: number[] = [];

  constructor(protocol = 2) {
    if (protocol >= 2) this.out.push(0x80, protocol);
  }

  /** Characters are opcodes or text, numbers bytes. */
  raw(...parts: (string | number | ArrayLike<number>)[]): this {
    for (const part of parts) {
      if (typeof part === 'number') this.out.push(part);
      else for (const byte of typeof part === 'string' ? Buffer.from(part) : Array.from(part)) this.out.push(byte);
    }
    return this;
  }

  value(value: Py): this {
    if (value === null) return this.raw('N');
    if (typeof value === 'boolean') return this.raw(value ? 0x88 : 0x89);
    if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 31) {
      return this.raw('J', u32(value));
    }
    if (typeof value === 'number' && !Number.isInteger(value)) return this.raw('G', f64(value));
    if (typeof value === 'number' || typeof value === 'bigint') return this.raw(0x8a, long(BigInt(value)));
    if (typeof value === 'string') return this.raw('X', u32(Buffer.byteLength(value)), value);
    if (value instanceof Uint8Array) return this.raw('B', u32(value.length), value);
    if (Array.isArray(value)) return this.raw('](').values(value).raw('e');
    if (value instanceof Map) return this.raw('}').items(value);
    value.encode(this);
    return this;
  }

  values(values: readonly Py[]): this {
    for (const value of values) this.value(value);
    return this;
  }

  items(map: ReadonlyMap<Py, Py>): this {
    return this.raw('(')
      .values([...map].flat() as Py[])
      .raw('u');
  }

  bytes(): Buffer {
    return Buffer.from([...this.out, 0x2e]);
  }
}

const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
const f64 = (value: number) => new Uint8Array(Float64Array.of(value).buffer).reverse();

/** LONG1: length, then little-endian two's complement. */
function long(value: bigint): number[] {
  const bytes: number[] = [];
  const length = Math.floor((value < 0n ? -value : value).toString(2).length / 8) + 1;
  for (let i = 0; i < length; i++) bytes.push(Number(BigInt.asUintN(8, value >> BigInt(8 * i))));
  return [length, ...bytes];
}

export const pickled = (value: Py, protocol = 2): Buffer => new Pickle(protocol).value(value).bytes();

export const dict = (entries: Readonly<Record<string, Py>>): Map<Py, Py> => new Map(Object.entries(entries));

export const tuple = (...values: Py[]): PyNode => ({ encode: pickle => pickle.raw('(').values(values).raw('t') });

export const named = (module: string, name: string): PyNode => ({
  encode: pickle => pickle.raw('c', `${module}\n${name}\n`),
});

/** REDUCE: a function's result, with items and state where it is a container or an object. */
export const call = (
  module: string,
  name: string,
  args: Py[],
  { items, state }: { items?: Map<Py, Py>; state?: Py } = {},
): PyNode => ({
  encode(pickle) {
    pickle
      .value(named(module, name))
      .value(tuple(...args))
      .raw('R');
    if (items) pickle.items(items);
    if (state !== undefined) pickle.value(state).raw('b');
  },
});

/** NEWOBJ and BUILD, as objects are pickled. */
export const instance = (module: string, name: string, state: Py): PyNode => ({
  encode: pickle => pickle.value(named(module, name)).raw(')', 0x81).value(state).raw('b'),
});

export const orderedDict = (entries: Readonly<Record<string, Py>>): PyNode =>
  call('collections', 'OrderedDict', [], {
    items: dict(entries),
    state: dict({ _metadata: call('collections', 'OrderedDict', []) }),
  });

interface StorageView {
  key: string;
  /** Class of the storage; FloatStorage by default. */
  type?: string;
  /** Elements of the whole storage. */
  length: number;
  offset?: number | bigint;
  shape: (number | bigint)[];
  stride?: (number | bigint)[];
  /** Legacy files name a part of a storage: key, offset, length. */
  view?: [string, number, number];
  legacy?: boolean;
}

export const storage = ({ key, type = 'FloatStorage', length, view, legacy }: StorageView): PyNode => ({
  encode: pickle =>
    pickle
      .value(
        tuple(
          'storage',
          named('torch', type),
          key,
          'cpu',
          length,
          ...(legacy || view ? [view ? tuple(...view) : null] : []),
        ),
      )
      .raw('Q'),
});

/** A tensor as `torch.save` names it, row-major where no stride is given. */
export const tensor = (view: StorageView): PyNode =>
  call('torch._utils', '_rebuild_tensor_v2', [
    storage(view),
    view.offset ?? 0,
    tuple(...view.shape),
    tuple(...(view.stride ?? rowMajor(view.shape.map(Number)))),
    false,
    call('collections', 'OrderedDict', []),
  ]);

function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, i) => shape.slice(i + 1).reduce((product, n) => product * n, 1));
}

type Storages = Readonly<Record<string, NodeJS.TypedArray>>;

const bytesOf = (data: NodeJS.TypedArray) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** A checkpoint of PyTorch 1.6 and later. */
export function torchZip(
  root: Py | Buffer,
  storages: Storages = {},
  { folder = 'archive', method = 0, zip64 = false, more = {} as Record<string, string> } = {},
): Buffer {
  const entries = [
    { name: `${folder}/data.pkl`, data: Buffer.isBuffer(root) ? root : pickled(root), method },
    ...Object.entries(storages).map(([key, data]) => ({ name: `${folder}/data/${key}`, data: bytesOf(data), method })),
    { name: `${folder}/version`, data: '3\n', method },
    ...Object.entries(more).map(([name, data]) => ({ name: `${folder}/${name}`, data, method })),
  ];
  return zipArchive(entries, { zip64 });
}

/** A checkpoint of PyTorch before 1.6. */
export function torchLegacy(
  root: Py | Buffer,
  storages: Storages = {},
  { magic = 0x1950a86a20f9469cfc6cn, protocol = 1001, littleEndian = true } = {},
): Buffer {
  const system = dict({
    protocol_version: protocol,
    little_endian: littleEndian,
    type_sizes: dict({ short: 2, int: 4, long: 4 }),
  });
  return Buffer.concat([
    pickled(magic),
    pickled(protocol),
    pickled(system),
    Buffer.isBuffer(root) ? root : pickled(root),
    pickled(Object.keys(storages)),
    ...Object.values(storages).flatMap(data => [
      Buffer.from(BigUint64Array.of(BigInt(data.length)).buffer),
      bytesOf(data),
    ]),
  ]);
}
