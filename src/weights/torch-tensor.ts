import { UserError } from '../base/errors.ts';
import { allocate } from './byte-source.ts';
import { DTYPES } from './dtypes.ts';
import { PyImport } from './pickle-imports.ts';
import { PyObject } from './pickle-machine.ts';
import { toFloat32, type Weight } from './weight.ts';

/** A run of elements in a file that tensors are views of. */
export interface TorchStorage {
  key: string;
  /** Of the elements, as in safetensors; undefined where the file says it per tensor (untyped bytes) or it is not readable. */
  dtype: string | undefined;
  /** PyTorch's name of the storage's class, for errors. */
  className: string;
  /** Where the storage begins within the run of bytes of its key, in elements. */
  offset: number;
  /** Number of elements; of bytes where it is untyped. */
  length: number;
}

/** A strided view: element [i, j, ..] is the storage's element offset + i * stride[0] + j * stride[1] + .. */
export class TorchTensor {
  constructor(
    readonly storage: TorchStorage,
    readonly dtype: string | undefined,
    readonly offset: number,
    readonly shape: number[],
    readonly stride: number[],
  ) {}
}

/** What `torch.save` was given, and the storages that its tensors are views of. */
export interface TorchCheckpoint {
  root: unknown;
  /** Bytes of a storage, from the one at `begin` on. */
  read(storage: TorchStorage, begin: number, length: number): Uint8Array<ArrayBuffer>;
}

const STORAGES: Readonly<Record<string, string>> = {
  FloatStorage: 'F32',
  DoubleStorage: 'F64',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

const DTYPE_NAMES: Readonly<Record<string, string>> = {
  'torch.float32': 'F32',
  'torch.float': 'F32',
  'torch.float64': 'F64',
  'torch.double': 'F64',
  'torch.float16': 'F16',
  'torch.half': 'F16',
  'torch.bfloat16': 'BF16',
  'torch.int64': 'I64',
  'torch.long': 'I64',
  'torch.uint64': 'U64',
  'torch.int32': 'I32',
  'torch.int': 'I32',
  'torch.uint32': 'U32',
  'torch.int16': 'I16',
  'torch.short': 'I16',
  'torch.uint16': 'U16',
  'torch.int8': 'I8',
  'torch.uint8': 'U8',
  'torch.bool': 'BOOL',
};

/** PyTorch's own limit. */
const MAX_RANK = 64;

/**
 * A persistent id ('storage', class, key, device, length[, view]) of `torch.save`.
 *
 * @throws RangeError where it is none.
 */
export function torchStorage(id: unknown): TorchStorage | PyImport {
  if (!Array.isArray(id)) throw new RangeError('a persistent id is no tuple');
  // a module whose source text was saved with it
  if (id[0] === 'module' && id[1] instanceof PyImport) return id[1];
  const [kind, type, key, , length, view] = id;
  if (kind !== 'storage' || !(type instanceof PyImport) || typeof key !== 'string' || !isSize(length)) {
    throw new RangeError('a persistent id is no storage');
  }
  const className = type.name;
  const name = className.slice(className.lastIndexOf('.') + 1);
  const dtype = className.startsWith('torch.') ? STORAGES[name] : undefined;
  if (view === undefined || view === null) return { key, dtype, className, offset: 0, length };
  if (!Array.isArray(view) || !isSize(view[1]) || !isSize(view[2])) throw new RangeError('a view of a storage is none');
  return { key, dtype, className, offset: view[1], length: view[2] };
}

function rebuildTensor(args: readonly unknown[]): TorchTensor {
  const [storage, offset, shape, stride] = args;
  if (!isStorage(storage)) throw new RangeError('the first argument is no storage');
  if (!isSize(offset)) throw new RangeError(`the offset is ${shown(offset)}, expected a whole number >= 0`);
  return new TorchTensor(storage, storage.dtype, offset, sizes(shape, 'size'), sizes(stride, 'stride'));
}

/** With the element type beside an untyped storage. */
function rebuildTypedTensor(args: readonly unknown[]): TorchTensor {
  const tensor = rebuildTensor(args);
  const type = args[6];
  const dtype = type instanceof PyImport ? DTYPE_NAMES[type.name] : undefined;
  const className = type instanceof PyImport ? type.name : tensor.storage.className;
  return new TorchTensor({ ...tensor.storage, className }, dtype, tensor.offset, tensor.shape, tensor.stride);
}

const first = (args: readonly unknown[]) => args[0];

function orderedDict(args: readonly unknown[]): Map<unknown, unknown> {
  const [items] = args;
  if (items instanceof Map) return items;
  return new Map(Array.isArray(items) ? items.filter(Array.isArray).map(([key, value]) => [key, value]) : []);
}

/** `_rebuild_from_type_v2(function, type, arguments, state)`: a subclass of a tensor is the tensor. */
function rebuildFromType(args: readonly unknown[]): unknown {
  const [callee, , inner] = args;
  if (!(callee instanceof PyImport) || !Array.isArray(inner)) throw new RangeError('it names no function to call');
  const known = callee.name === REBUILD_FROM_TYPE ? undefined : TORCH_FUNCTIONS.get(callee.name);
  return known ? known(inner) : new PyObject(callee.name, inner);
}

const REBUILD_FROM_TYPE = 'torch._tensor._rebuild_from_type_v2';

/** All calls that stand for something in a checkpoint. */
export const TORCH_FUNCTIONS: ReadonlyMap<string, (args: readonly unknown[]) => unknown> = new Map<
  string,
  (args: readonly unknown[]) => unknown
>([
  ['torch._utils._rebuild_tensor', rebuildTensor],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_tensor_v3', rebuildTypedTensor],
  ['torch._utils._rebuild_parameter', first],
  ['torch._utils._rebuild_parameter_with_state', first],
  ['torch.nn.parameter.Parameter', first],
  ['torch.nn.parameter.Buffer', first],
  [REBUILD_FROM_TYPE, rebuildFromType],
  ['torch.Size', args => sizes(args[0], 'size')],
  ['collections.OrderedDict', orderedDict],
  ['collections.defaultdict', () => new Map()],
  ['collections.Counter', orderedDict],
  ['builtins.dict', orderedDict],
  ['__builtin__.dict', orderedDict],
  ['builtins.set', args => new Set(Array.isArray(args[0]) ? args[0] : [])],
  ['__builtin__.set', args => new Set(Array.isArray(args[0]) ? args[0] : [])],
]);

/**
 * A tensor's elements in row-major order, as float32.
 *
 * @param read reads bytes of the storage: begin, length.
 * @param label what to call the tensor in errors.
 * @throws UserError where it reaches beyond its storage or is of a type that cannot be read.
 */
export function materialise(
  { storage, dtype, offset, shape, stride }: TorchTensor,
  read: (begin: number, length: number) => Uint8Array<ArrayBuffer>,
  label: string,
): Weight {
  const element = dtype === undefined ? undefined : DTYPES.get(dtype);
  if (!element) {
    throw new UserError(
      `${label} is stored as ${storage.className}; readable are ${Object.keys(STORAGES).join(', ')}. Convert it to float32 and save it again`,
    );
  }
  const wrong = (what: string) => new UserError(`${label} ${what}. The file is damaged: get it again`);
  if (shape.length !== stride.length) throw wrong(`has ${shape.length} sizes but ${stride.length} strides`);
  const count = elementCount(shape);
  const span = count === 0 ? 0 : shape.reduce((last, n, i) => last + (n - 1) * stride[i], 1);
  const available = storage.dtype === undefined ? Math.floor(storage.length / element.bytes) : storage.length;
  // what is beyond 2^53 is only rounded, and compares all the same
  if (offset + span > available) {
    throw wrong(
      `reaches to element ${offset + span} of its storage, which has ${available} (offset ${offset}, size [${shape}], stride [${stride}])`,
    );
  }
  const bytes = read((storage.offset + offset) * element.bytes, span * element.bytes);
  const data = toFloat32(element.decode(bytes.buffer));
  if (isContiguous(shape, stride) || count === 0) return { shape, data };
  return { shape, data: gathered(data, shape, stride, count, label) };
}

function elementCount(shape: readonly number[]): number {
  return shape.includes(0) ? 0 : shape.reduce((product, n) => product * n, 1);
}

function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && stride[i] !== expected) return false;
    expected *= shape[i];
  }
  return true;
}

function gathered(
  data: Float32Array,
  shape: readonly number[],
  stride: readonly number[],
  count: number,
  label: string,
): Float32Array {
  const out = new Float32Array(allocate(count * 4, label).buffer);
  const index = shape.map(() => 0);
  let from = 0;
  for (let i = 0; i < count; i++) {
    out[i] = data[from];
    for (let d = shape.length - 1; d >= 0; d--) {
      from += stride[d];
      if (++index[d] < shape[d]) break;
      from -= shape[d] * stride[d];
      index[d] = 0;
    }
  }
  return out;
}

/** A copy, which no later opcode can change. */
function sizes(value: unknown, what: string): number[] {
  if (!Array.isArray(value) || value.length > MAX_RANK) {
    throw new RangeError(`the ${what} is no tuple of at most ${MAX_RANK} numbers`);
  }
  if (value.every(isSize)) return [...value];
  throw new RangeError(`the ${what} is [${value.map(shown)}], expected whole numbers >= 0`);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isStorage(value: unknown): value is TorchStorage {
  return typeof value === 'object' && value !== null && 'className' in value && 'key' in value;
}

/** For messages: containers in a file may be nested without end. */
export function shown(value: unknown): string {
  return typeof value === 'object' ? typeof value : String(value).slice(0, 40);
}
