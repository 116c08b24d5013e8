import { UserError } from '../base/errors.ts';
import { PyObject } from './pickle-machine.ts';
import { TorchTensor } from './torch-tensor.ts';

type Tensors = Map<string, TorchTensor | PyObject>;

/** Where training state lies that looks like weights. */
const NO_WEIGHTS = /^(optim|lr_sched|sched|callbacks$|loops$|hparams|hyper_parameters|args$|config$|_extra_state$)/i;
const MAX_NESTING = 5;
const MAX_DEPTH = 100;
const MAX_MEMBERS = 1_000_000;
const MAX_CHOICES = 20;

/**
 * The tensors of the one state dict (or whole module) in a checkpoint, by name; what cannot be read stands as a `PyObject`.
 *
 * Found where it lies: at the top, or in dicts below it. `nested` is the path of keys to it, joined by dots.
 *
 * @throws UserError where there is none, or several and `nested` does not choose.
 */
export function stateDict(root: unknown, nested: string | undefined, source: string): Tensors {
  const start = nested === undefined ? root : follow(root, nested);
  if (start === undefined) {
    throw new UserError(`${source} holds no "${nested}". It holds ${contents(root)}`);
  }
  const found = candidates(start, nested === undefined ? '' : `${nested}.`, source);
  if (found.length === 1) return found[0].tensors;
  if (found.length === 0) {
    throw new UserError(
      `${source} holds no weights${nested === undefined ? '' : ` under "${nested}"`}: expected a dict of names and tensors. It holds ${contents(start)}`,
    );
  }
  const choices = found.map(({ path, tensors }) => `"${path}" (${tensors.size} tensors)`);
  throw new UserError(`${source} holds several sets of weights: ${choices.join(', ')}. Say which one to take (nested)`);
}

/** The sets of weights nearest to the top. */
function candidates(start: unknown, prefix: string, source: string): { path: string; tensors: Tensors }[] {
  const seen = new Set<unknown>();
  let level = [{ path: prefix, value: start }];
  for (let depth = 0; depth <= MAX_NESTING && level.length > 0; depth++) {
    const found: { path: string; tensors: Tensors }[] = [];
    const below: typeof level = [];
    for (const { path, value } of level) {
      if (seen.has(value)) continue;
      seen.add(value);
      if (found.length === MAX_CHOICES) break;
      const tensors = ownTensors(value, source);
      if (tensors) found.push({ path: path.slice(0, -1), tensors });
      else {
        for (const [key, child] of entriesOf(value)) {
          if (!NO_WEIGHTS.test(key)) below.push({ path: `${path}${key}.`, value: child });
        }
      }
    }
    if (found.length > 0) return found;
    level = below;
  }
  return [];
}

/** A counter stored as a tensor beside other things makes no set of weights. */
function ownTensors(value: unknown, source: string): Tensors | undefined {
  if (value instanceof PyObject && isModule(value)) {
    const tensors = moduleTensors(value, source);
    return tensors.size > 0 ? tensors : undefined;
  }
  const entries = [...entriesOf(value)];
  const tensors = entries.filter((entry): entry is [string, TorchTensor | PyObject] => isTensor(entry[1]));
  const weights = tensors.some(([, tensor]) => tensor instanceof TorchTensor && tensor.shape.length > 0);
  return weights || (tensors.length > 0 && tensors.length === entries.length) ? new Map(tensors) : undefined;
}

function isTensor(value: unknown): value is TorchTensor | PyObject {
  return value instanceof TorchTensor || (value instanceof PyObject && /^torch\._utils\._rebuild_/.test(value.made));
}

/** A pickled `torch.nn.Module`, or one of TorchScript, whose attributes are its parameters and children. */
function isModule({ made, state }: PyObject): boolean {
  return state instanceof Map && (made.startsWith('__torch__.') || state.get('_modules') instanceof Map);
}

/** As its `state_dict()`: a module that hangs in two places is there under both names. */
function moduleTensors(root: PyObject, source: string): Tensors {
  const tensors: Tensors = new Map();
  const left = [{ module: root, prefix: '', depth: 0 }];
  let members = 0;
  while (left.length > 0) {
    const { module, prefix, depth } = left.pop()!;
    if (!isModule(module)) continue;
    const state = module.state as Map<unknown, unknown>;
    const script = module.made.startsWith('__torch__.');
    const transient = state.get('_non_persistent_buffers_set');
    const children: typeof left = [];
    for (const part of script ? [state] : ['_parameters', '_buffers', '_modules'].map(key => state.get(key))) {
      for (const [key, value] of entriesOf(part)) {
        if (++members > MAX_MEMBERS || depth > MAX_DEPTH) {
          throw new UserError(`${source} nests its modules without end. Get it from a source you trust`);
        }
        if (isTensor(value)) {
          if (!(transient instanceof Set && transient.has(key))) tensors.set(prefix + key, value);
        } else if (value instanceof PyObject) {
          children.push({ module: value, prefix: `${prefix}${key}.`, depth: depth + 1 });
        }
      }
    }
    // the last one in is taken next; a call with so many arguments could overflow the stack
    for (const child of children.reverse()) left.push(child);
  }
  return tensors;
}

/** What has names: a dict, an object's attributes or the items of a subclass of dict. */
function* entriesOf(value: unknown): Generator<[string, unknown]> {
  const maps = value instanceof PyObject ? [value.items, value.state] : [value];
  for (const map of maps) {
    if (!(map instanceof Map)) continue;
    for (const [key, item] of map) if (typeof key === 'string') yield [key, item];
  }
}

/** Keys may hold dots themselves. */
function follow(value: unknown, path: string, depth = 0): unknown {
  if (depth > MAX_NESTING * 2) return undefined;
  const entries = [...entriesOf(value)];
  const exact = entries.find(([key]) => key === path);
  if (exact) return exact[1];
  for (const [key, child] of entries) {
    if (key === '' || !path.startsWith(`${key}.`)) continue;
    const found = follow(child, path.slice(key.length + 1), depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function contents(value: unknown): string {
  const keys = [...entriesOf(value)].map(([key, child]) => `${key.slice(0, 60)} (${kind(child)})`);
  if (keys.length === 0) return kind(value);
  return keys.slice(0, 20).join(', ') + (keys.length > 20 ? `, ... (${keys.length})` : '');
}

function kind(value: unknown): string {
  if (value instanceof TorchTensor) return 'tensor';
  if (value instanceof Map) return `dict of ${value.size}`;
  if (Array.isArray(value)) return `list of ${value.length}`;
  if (value instanceof PyObject) return value.made.slice(0, 80);
  return value === null ? 'None' : typeof value;
}
