import type { ByteSource } from './byte-source.ts';
import { PickleMachine, type PickleOptions } from './pickle-machine.ts';

// The opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py (protocols 0 to 5)

const STOP = 0x2e;

/**
 * Reads one pickle without running anything: imports are names, calls are those of `functions`, everything else is
 * kept as inert data.
 *
 * None, bool, float and str become what they are in JavaScript, int a number (bigint beyond 2^53), list and tuple an
 * array, dict a Map, set a Set, bytes a Uint8Array.
 *
 * @returns the value, and where the pickle ends.
 * @throws UserError where it is malformed, endless, or imports what weights have no use for.
 */
export function unpickle(source: ByteSource, begin: number, options: PickleOptions): { value: unknown; end: number } {
  const machine = new PickleMachine(source, begin, options);
  for (let code = machine.step(); code !== STOP; code = machine.step()) {
    const operation = OPERATIONS[code];
    if (!operation) throw machine.broken(`it has the unknown opcode ${code} at byte ${machine.position - 1}`);
    operation(machine);
  }
  return { value: machine.pop(), end: machine.position };
}

function dictOf(machine: PickleMachine, values: readonly unknown[]): void {
  machine.push(new Map());
  machine.setItems(values);
}

/** Quotes and escapes of protocol 0. */
function stringLiteral(machine: PickleMachine): string {
  const match = /^\s*(['"])(.*)\1\s*$/s.exec(machine.line());
  if (!match) throw machine.broken('it has a text without quotes');
  return match[2].replace(/\\(x[0-9a-f]{2}|.)/gi, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? code),
  );
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t' };

function rawUnicode(text: string): string {
  const hex = '[0-9a-fA-F]';
  const escapes = new RegExp(`\\\\u(${hex}{4})|\\\\U(000${hex}{5}|0010${hex}{4})`, 'g');
  return text.replace(escapes, (_, short?: string, long?: string) =>
    String.fromCodePoint(Number.parseInt(short ?? long!, 16)),
  );
}

type Operation = (machine: PickleMachine) => void;

const OPERATIONS: readonly (Operation | undefined)[] = (() => {
  const table: (Operation | undefined)[] = Array(256).fill(undefined);
  const on = (code: string | number, operation: Operation) => {
    table[typeof code === 'string' ? code.charCodeAt(0) : code] = operation;
  };

  on(0x80, m => m.uint(1));
  on(0x95, m => m.length8());
  on('(', m => m.mark());
  on('0', m => m.discard());
  on('1', m => m.popMark());
  on('2', m => m.push(m.top()));

  on('N', m => m.push(null));
  on(0x88, m => m.push(true));
  on(0x89, m => m.push(false));
  on('J', m => m.push(m.uint(4) | 0));
  on('K', m => m.push(m.uint(1)));
  on('M', m => m.push(m.uint(2)));
  on('I', m => {
    const text = m.line();
    m.push(text === '01' ? true : text === '00' ? false : m.integer(text));
  });
  on('L', m => m.push(m.integer(m.line().replace(/L$/, ''))));
  on(0x8a, m => m.push(m.long(m.uint(1))));
  on(0x8b, m => m.push(m.long(m.uint(4))));
  on('F', m => m.push(Number(m.line())));
  on('G', m => m.push(m.float()));

  on('S', m => m.push(stringLiteral(m)));
  on('T', m => m.push(m.latin(m.uint(4))));
  on('U', m => m.push(m.latin(m.uint(1))));
  on('V', m => m.push(rawUnicode(m.line('latin1'))));
  on('X', m => m.push(m.text(m.uint(4))));
  on(0x8c, m => m.push(m.text(m.uint(1))));
  on(0x8d, m => m.push(m.text(m.length8())));
  on('B', m => m.push(m.bytes(m.uint(4))));
  on('C', m => m.push(m.bytes(m.uint(1))));
  on(0x8e, m => m.push(m.bytes(m.length8())));
  on(0x96, m => m.push(m.bytes(m.length8())));

  on(']', m => m.push([]));
  on(')', m => m.push([]));
  on('}', m => m.push(new Map()));
  on(0x8f, m => m.push(new Set()));
  on('l', m => m.push(m.popMark()));
  on('t', m => m.push(m.popMark()));
  on('d', m => dictOf(m, m.popMark()));
  on(0x91, m => m.push(new Set(m.popMark())));
  on(0x85, m => m.push([m.pop()]));
  on(0x86, m => m.push([m.pop(), m.pop()].reverse()));
  on(0x87, m => m.push([m.pop(), m.pop(), m.pop()].reverse()));
  on('a', m => m.append([m.pop()]));
  on('e', m => m.append(m.popMark()));
  on('s', m => m.setItems([m.pop(), m.pop()].reverse()));
  on('u', m => m.setItems(m.popMark()));
  on(0x90, m => m.addItems(m.popMark()));

  on('p', m => m.remember(Number(m.integer(m.line()))));
  on('q', m => m.remember(m.uint(1)));
  on('r', m => m.remember(m.uint(4)));
  on(0x94, m => m.memoize());
  on('g', m => m.recall(Number(m.integer(m.line()))));
  on('h', m => m.recall(m.uint(1)));
  on('j', m => m.recall(m.uint(4)));

  on('c', m => m.push(m.global(m.line(), m.line())));
  on(0x93, m => {
    const name = m.pop();
    m.push(m.global(m.pop(), name));
  });
  on('R', m => {
    const args = m.pop();
    m.push(m.call(m.pop(), args));
  });
  on(0x81, m => {
    const args = m.pop();
    m.push(m.call(m.pop(), args));
  });
  on(0x92, m => {
    m.pop();
    const args = m.pop();
    m.push(m.call(m.pop(), args));
  });
  on('i', m => {
    const callee = m.global(m.line(), m.line());
    m.push(m.call(callee, m.popMark()));
  });
  on('o', m => {
    const [callee, ...args] = m.popMark();
    m.push(m.call(callee, args));
  });
  on('b', m => m.build(m.pop()));
  on('P', m => m.push(m.persistent(m.line())));
  on('Q', m => m.push(m.persistent(m.pop())));
  return table;
})();
