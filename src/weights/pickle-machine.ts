import { UserError } from '../base/errors.ts';
import { ByteCursor, type ByteSource } from './byte-source.ts';
import { checkedImport, PyImport } from './pickle-imports.ts';

/** An instance of a class, or the result of a function, that is not known here: what made it, and nothing behind it. */
export class PyObject {
  state: unknown = null;
  /** What a subclass of dict holds. */
  items: Map<unknown, unknown> | undefined;
  constructor(
    /** Module and name of the class or function. */
    readonly made: string,
    readonly args: unknown,
  ) {}
}

export interface PickleOptions {
  /** What stands for calls, by module and name; others become a `PyObject`. Bad arguments: a RangeError. */
  functions: ReadonlyMap<string, (args: readonly unknown[]) => unknown>;
  /** What stands for a persistent id; a bad one: a RangeError. */
  persistent(id: unknown): unknown;
}

/** Far above any checkpoint; below what would exhaust memory. */
const MAX_BYTES = 2 ** 26;
const MAX_STEPS = 4_000_000;
const MAX_DIGITS = 10_000;

/** The state that the opcodes of a pickle work on. */
export class PickleMachine {
  private readonly cursor: ByteCursor;
  private readonly stack: unknown[] = [];
  /** Heights of the stack. */
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, unknown>();
  private steps = 0;

  constructor(
    private readonly source: ByteSource,
    begin: number,
    private readonly options: PickleOptions,
  ) {
    this.cursor = new ByteCursor(source, begin, Math.min(source.size, begin + MAX_BYTES), what => this.broken(what));
  }

  get position(): number {
    return this.cursor.position;
  }

  /** The next opcode. */
  step(): number {
    this.work(1);
    return this.cursor.byte();
  }

  /** Short files can ask for endless work. */
  private work(steps: number): void {
    this.steps += steps;
    if (this.steps > MAX_STEPS) throw this.broken(`it takes more than ${MAX_STEPS} steps`);
  }

  broken(what: string): UserError {
    return new UserError(
      `${this.source.name} is no intact PyTorch checkpoint: its pickle is not readable: ${what}. Get it again, or check that it is the right file`,
    );
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  pop(): unknown {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw this.broken('it takes a value where there is none');
    return this.stack.pop();
  }

  top(): unknown {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  /** POP takes a mark too. */
  discard(): void {
    if (this.marks.length > 0 && this.stack.length === this.marks.at(-1)) this.marks.pop();
    else this.pop();
  }

  mark(): void {
    this.marks.push(this.stack.length);
  }

  /** All values above the last mark. */
  popMark(): unknown[] {
    const height = this.marks.pop();
    if (height === undefined) throw this.broken('it takes a mark where there is none');
    return this.stack.splice(height);
  }

  uint(bytes: 1 | 2 | 4): number {
    const taken = this.cursor.take(bytes);
    let value = 0;
    for (let i = bytes - 1; i >= 0; i--) value = value * 256 + taken[i];
    return value;
  }

  length8(): number {
    const taken = this.cursor.take(8);
    return Number(new DataView(taken.buffer, taken.byteOffset, 8).getBigUint64(0, true));
  }

  float(): number {
    const taken = this.cursor.take(8);
    return new DataView(taken.buffer, taken.byteOffset, 8).getFloat64(0);
  }

  bytes(length: number): Uint8Array {
    return new Uint8Array(this.cursor.take(length));
  }

  text(length: number): string {
    return Buffer.from(this.cursor.take(length)).toString('utf8');
  }

  /** What Python 2 called str. */
  latin(length: number): string {
    return Buffer.from(this.cursor.take(length)).toString('latin1');
  }

  line(encoding: 'utf8' | 'latin1' = 'utf8'): string {
    const bytes: number[] = [];
    for (let byte = this.cursor.byte(); byte !== 10; byte = this.cursor.byte()) bytes.push(byte);
    return Buffer.from(bytes).toString(encoding).replace(/\r$/, '');
  }

  integer(text: string): number | bigint {
    if (text.length > MAX_DIGITS || !/^\s*[+-]?\d+\s*$/.test(text))
      throw this.broken('it has a whole number that is none');
    return narrow(BigInt(text.trim().replace(/^\+/, '')));
  }

  /** Little-endian two's complement. */
  long(length: number): number | bigint {
    if (length > MAX_DIGITS) throw this.broken(`it has a whole number of ${length} bytes`);
    const digits = Buffer.from(this.cursor.take(length)).reverse().toString('hex');
    return length === 0 ? 0 : narrow(BigInt.asIntN(8 * length, BigInt(`0x${digits}`)));
  }

  remember(key: number): void {
    this.memo.set(key, this.top());
  }

  memoize(): void {
    this.remember(this.memo.size);
  }

  recall(key: number): void {
    if (!this.memo.has(key)) throw this.broken(`it recalls value ${key}, which it never kept`);
    this.push(this.memo.get(key));
  }

  global(module: unknown, name: unknown): PyImport {
    if (typeof module !== 'string' || typeof name !== 'string') throw this.broken('it imports what is no name');
    return checkedImport(module, name, this.source.name);
  }

  /** REDUCE, NEWOBJ, INST and OBJ alike. */
  call(callee: unknown, args: unknown): unknown {
    if (!(callee instanceof PyImport)) return new PyObject('an unknown value', args);
    const known = this.options.functions.get(callee.name);
    if (!known) return new PyObject(callee.name, args);
    if (!Array.isArray(args)) throw this.broken(`it calls ${callee.name} without a tuple of arguments`);
    for (const arg of args) this.work(sizeOf(arg));
    return this.guarded(callee.name, () => known(args));
  }

  persistent(id: unknown): unknown {
    return this.guarded('a persistent id', () => this.options.persistent(id));
  }

  /** Malformed arguments are the file's fault. */
  private guarded(what: string, use: () => unknown): unknown {
    try {
      return use();
    } catch (error) {
      if (error instanceof RangeError) throw this.broken(`${what}: ${error.message}`);
      throw error;
    }
  }

  append(values: readonly unknown[]): void {
    const list = this.top();
    if (Array.isArray(list)) for (const value of values) list.push(value);
    else if (!(list instanceof PyObject)) throw this.broken('it appends to what is no list');
  }

  addItems(values: readonly unknown[]): void {
    const set = this.top();
    if (!(set instanceof Set)) throw this.broken('it adds to what is no set');
    for (const value of values) set.add(value);
  }

  setItems(values: readonly unknown[]): void {
    const target = this.top();
    if (target instanceof PyObject) target.items ??= new Map();
    const dict = target instanceof PyObject ? target.items : target;
    if (!(dict instanceof Map)) throw this.broken('it sets items of what is no dict');
    if (values.length % 2 !== 0) throw this.broken('it sets an item without a value');
    for (let i = 0; i < values.length; i += 2) dict.set(values[i], values[i + 1]);
  }

  /** Attributes of a container or a tensor hold no weights. */
  build(state: unknown): void {
    const target = this.top();
    if (target instanceof PyObject) target.state = state;
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function sizeOf(value: unknown): number {
  return Array.isArray(value) ? value.length : value instanceof Map || value instanceof Set ? value.size : 0;
}
