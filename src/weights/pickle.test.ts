import { describe, expect, it } from 'vitest';
import { call, dict, instance, named, Pickle, pickled, tuple } from '../../test/support/checkpoints.ts';
import { UserError } from '../base/errors.ts';
import { memorySource } from './byte-source.ts';
import { unpickle } from './pickle.ts';
import { PyImport } from './pickle-imports.ts';
import { PyObject } from './pickle-machine.ts';
import { TORCH_FUNCTIONS } from './torch-tensor.ts';

const read = (bytes: Uint8Array) =>
  unpickle(memorySource(bytes, 'x.pth'), 0, {
    functions: TORCH_FUNCTIONS,
    persistent: id => ({ id }),
  }).value;

// CPython 3.11: pickle.dumps of one value in the protocols 0 to 5, base64
const BY_PYTHON = [
  'Y2NvbGxlY3Rpb25zCk9yZGVyZWREaWN0CnAwCih0UnAxClZub25lCnAyCk5zVmZsYWdzCnAzCihscDQKSTAxCmFJMDAKYXNWaW50cwpwNQooSTAKSTI1NQpJMjU2Ckk2NTUzNgpJLTEKSS0yMTQ3NDgzNjQ4CkwyMTQ3NDgzNjQ4TApMLTEwOTk1MTE2Mjc3NzZMCkw5MDA3MTk5MjU0NzQwOTkxTAp0cDYKc1ZiaWcKcDcKKEwxMTgwNTkxNjIwNzE3NDExMzAzNDI0TApMLTExODA1OTE2MjA3MTc0MTEzMDM0MjRMCnRwOApzVmZsb2F0cwpwOQoobHAxMApGMC41CmFGLTFlKzMwMAphc1Z0ZXh0cwpwMTEKKGxwMTIKVgpwMTMKYVbpXHU2ZjIyXFUwMDAxZjYwMApwMTQKYVZpdCdzICJxIlx1MDA1Y25cdTAwMGFcdTAwMGQKcDE1CmFzVm5lc3QKcDE2CihkcDE3ClZhCnAxOAooZHAxOQpWYgpwMjAKKGxwMjEKSTEKYShJMgp0cDIyCmEodGFzc0kxCkkyCnNzVnNldApwMjMKY19fYnVpbHRpbl9fCnNldApwMjQKKChscDI1Ckk3CmF0cDI2ClJwMjcKc1ZieXRlcwpwMjgKY19fYnVpbHRpbl9fCmJ5dGVhcnJheQpwMjkKKGNfY29kZWNzCmVuY29kZQpwMzAKKFZcdTAwMDD/CnAzMQpWbGF0aW4xCnAzMgp0cDMzClJwMzQKdHAzNQpScDM2CnNWYWdhaW4KcDM3Cmc0CnMu',
  'Y2NvbGxlY3Rpb25zCk9yZGVyZWREaWN0CnEAKVJxAShYBAAAAG5vbmVxAk5YBQAAAGZsYWdzcQNdcQQoSTAxCkkwMAplWAQAAABpbnRzcQUoSwBL/00AAUoAAAEASv////9KAAAAgEwyMTQ3NDgzNjQ4TApMLTEwOTk1MTE2Mjc3NzZMCkw5MDA3MTk5MjU0NzQwOTkxTAp0cQZYAwAAAGJpZ3EHKEwxMTgwNTkxNjIwNzE3NDExMzAzNDI0TApMLTExODA1OTE2MjA3MTc0MTEzMDM0MjRMCnRxCFgGAAAAZmxvYXRzcQldcQooRz/gAAAAAAAAR/435DyIAHWcZVgFAAAAdGV4dHNxC11xDChYAAAAAHENWAkAAADDqea8ovCfmIBxDlgMAAAAaXQncyAicSJcbgoNcQ9lWAQAAABuZXN0cRB9cREoWAEAAABhcRJ9cRNYAQAAAGJxFF1xFShLAShLAnRxFillc0sBSwJ1WAMAAABzZXRxF2NfX2J1aWx0aW5fXwpzZXQKcRgoXXEZSwdhdHEaUnEbWAUAAABieXRlc3EcY19fYnVpbHRpbl9fCmJ5dGVhcnJheQpxHShjX2NvZGVjcwplbmNvZGUKcR4oWAMAAAAAw79xH1gGAAAAbGF0aW4xcSB0cSFScSJ0cSNScSRYBQAAAGFnYWlucSVoBHUu',
  'gAJjY29sbGVjdGlvbnMKT3JkZXJlZERpY3QKcQApUnEBKFgEAAAAbm9uZXECTlgFAAAAZmxhZ3NxA11xBCiIiWVYBAAAAGludHNxBShLAEv/TQABSgAAAQBK/////0oAAACAigUAAACAAIoGAAAAAAD/igf///////8fdHEGWAMAAABiaWdxB4oJAAAAAAAAAABAigkAAAAAAAAAAMCGcQhYBgAAAGZsb2F0c3EJXXEKKEc/4AAAAAAAAEf+N+Q8iAB1nGVYBQAAAHRleHRzcQtdcQwoWAAAAABxDVgJAAAAw6nmvKLwn5iAcQ5YDAAAAGl0J3MgInEiXG4KDXEPZVgEAAAAbmVzdHEQfXERKFgBAAAAYXESfXETWAEAAABicRRdcRUoSwFLAoVxFillc0sBSwJ1WAMAAABzZXRxF2NfX2J1aWx0aW5fXwpzZXQKcRhdcRlLB2GFcRpScRtYBQAAAGJ5dGVzcRxjX19idWlsdGluX18KYnl0ZWFycmF5CnEdY19jb2RlY3MKZW5jb2RlCnEeWAMAAAAAw79xH1gGAAAAbGF0aW4xcSCGcSFScSKFcSNScSRYBQAAAGFnYWlucSVoBHUu',
  'gANjY29sbGVjdGlvbnMKT3JkZXJlZERpY3QKcQApUnEBKFgEAAAAbm9uZXECTlgFAAAAZmxhZ3NxA11xBCiIiWVYBAAAAGludHNxBShLAEv/TQABSgAAAQBK/////0oAAACAigUAAACAAIoGAAAAAAD/igf///////8fdHEGWAMAAABiaWdxB4oJAAAAAAAAAABAigkAAAAAAAAAAMCGcQhYBgAAAGZsb2F0c3EJXXEKKEc/4AAAAAAAAEf+N+Q8iAB1nGVYBQAAAHRleHRzcQtdcQwoWAAAAABxDVgJAAAAw6nmvKLwn5iAcQ5YDAAAAGl0J3MgInEiXG4KDXEPZVgEAAAAbmVzdHEQfXERKFgBAAAAYXESfXETWAEAAABicRRdcRUoSwFLAoVxFillc0sBSwJ1WAMAAABzZXRxF2NidWlsdGlucwpzZXQKcRhdcRlLB2GFcRpScRtYBQAAAGJ5dGVzcRxjYnVpbHRpbnMKYnl0ZWFycmF5CnEdQwIA/3EehXEfUnEgWAUAAABhZ2FpbnEhaAR1Lg==',
  'gASVPgEAAAAAAACMC2NvbGxlY3Rpb25zlIwLT3JkZXJlZERpY3SUk5QpUpQojARub25llE6MBWZsYWdzlF2UKIiJZYwEaW50c5QoSwBL/00AAUoAAAEASv////9KAAAAgIoFAAAAgACKBgAAAAAA/4oH////////H3SUjANiaWeUigkAAAAAAAAAAECKCQAAAAAAAAAAwIaUjAZmbG9hdHOUXZQoRz/gAAAAAAAAR/435DyIAHWcZYwFdGV4dHOUXZQojACUjAnDqea8ovCfmICUjAxpdCdzICJxIlxuCg2UZYwEbmVzdJR9lCiMAWGUfZSMAWKUXZQoSwFLAoWUKWVzSwFLAnWMA3NldJSPlChLB5CMBWJ5dGVzlIwIYnVpbHRpbnOUjAlieXRlYXJyYXmUk5RDAgD/lIWUUpSMBWFnYWlulGgGdS4=',
  'gAWVKAEAAAAAAACMC2NvbGxlY3Rpb25zlIwLT3JkZXJlZERpY3SUk5QpUpQojARub25llE6MBWZsYWdzlF2UKIiJZYwEaW50c5QoSwBL/00AAUoAAAEASv////9KAAAAgIoFAAAAgACKBgAAAAAA/4oH////////H3SUjANiaWeUigkAAAAAAAAAAECKCQAAAAAAAAAAwIaUjAZmbG9hdHOUXZQoRz/gAAAAAAAAR/435DyIAHWcZYwFdGV4dHOUXZQojACUjAnDqea8ovCfmICUjAxpdCdzICJxIlxuCg2UZYwEbmVzdJR9lCiMAWGUfZSMAWKUXZQoSwFLAoWUKWVzSwFLAnWMA3NldJSPlChLB5CMBWJ5dGVzlJYCAAAAAAAAAAD/lIwFYWdhaW6UaAZ1Lg==',
].map(text => Buffer.from(text, 'base64'));

describe('unpickle', () => {
  it.each(BY_PYTHON.map((bytes, protocol) => ({ protocol, bytes })))(
    'reads what Python writes in protocol $protocol',
    ({ bytes, protocol }) => {
      const value = read(bytes) as Map<string, unknown>;
      expect([...value.keys()]).toEqual('none flags ints big floats texts nest set bytes again'.split(' '));
      const { bytes: packed, again, ...rest } = Object.fromEntries(value);
      expect(rest).toEqual({
        none: null,
        flags: [true, false],
        ints: [0, 255, 256, 65536, -1, -(2 ** 31), 2 ** 31, -(2 ** 40), 2 ** 53 - 1],
        big: [2n ** 70n, -(2n ** 70n)],
        floats: [0.5, -1e300],
        texts: ['', 'é漢😀', 'it\'s "q"\\n\n\r'],
        nest: new Map<unknown, unknown>([
          ['a', new Map([['b', [1, [2], []]]])],
          [1, 2],
        ]),
        set: new Set([7]),
      });
      expect(again).toBe(rest.flags);
      if (protocol === 5) expect(packed).toEqual(Uint8Array.of(0, 255));
      else expect((packed as PyObject).made).toMatch(/^(__builtin__|builtins)\.bytearray$/);
    },
  );

  it('reads the opcodes of Python 2', () => {
    expect(read(Buffer.from("(S'a\\x41\\'b'\nU\x02\xffzT\x01\x00\x00\x00\xe9l.", 'latin1'))).toEqual([
      "aA'b",
      'ÿz',
      'é',
    ]);
    expect(read(Buffer.from('(I1\nI2\nd.'))).toEqual(new Map([[1, 2]]));
    expect(read(Buffer.from('(i__main__\nThing\n.'))).toEqual(new PyObject('__main__.Thing', []));
    expect(read(Buffer.from('(c__main__\nThing\nI1\no.'))).toEqual(new PyObject('__main__.Thing', [1]));
    expect(read(Buffer.from('I1\n2(I5\nI6\n10\x85.', 'latin1'))).toEqual([1]);
    expect(read(Buffer.from('Pkey\n.'))).toEqual({ id: 'key' });
  });

  it('keeps unknown classes as inert values', () => {
    const args = read(
      pickled(instance('argparse', 'Namespace', dict({ lr: 0.5, device: call('torch', 'device', ['cpu']) }))),
    );
    expect(args).toBeInstanceOf(PyObject);
    const { made, state } = args as PyObject;
    expect(made).toBe('argparse.Namespace');
    expect((state as Map<string, unknown>).get('lr')).toBe(0.5);
    expect((state as Map<string, unknown>).get('device')).toEqual(new PyObject('torch.device', ['cpu']));
    const easy = read(pickled(call('easydict', 'EasyDict', [], { items: dict({ a: 1 }) }))) as PyObject;
    expect(easy.items).toEqual(new Map([['a', 1]]));
    expect(read(pickled(named('my_project.models', 'Net')))).toEqual(new PyImport('my_project.models.Net'));
    expect(read(new Pickle().value(named('a.b', 'C')).raw(')}', 0x92).bytes())).toEqual(new PyObject('a.b.C', []));
  });

  it('says where it ends, for pickles one after the other', () => {
    const both = Buffer.concat([pickled(1), pickled('two')]);
    const options = { functions: TORCH_FUNCTIONS, persistent: () => null };
    const first = unpickle(memorySource(both, 'x'), 0, options);
    expect(first).toEqual({ value: 1, end: pickled(1).length });
    expect(unpickle(memorySource(both, 'x'), first.end, options).value).toBe('two');
  });
});

describe('hostile pickles', () => {
  const stackGlobal = (module: string, name: string) =>
    new Pickle(4).value(module).value(name).raw(0x93).value(tuple('touch /tmp/x')).raw('R').bytes();

  it.each([
    ['os', 'system'],
    ['posix', 'system'],
    ['nt', 'system'],
    ['subprocess', 'Popen'],
    ['builtins', 'eval'],
    ['builtins', 'exec'],
    ['builtins', 'getattr'],
    ['builtins', '__import__'],
    ['__builtin__', 'eval'],
    ['importlib', 'import_module'],
    ['runpy', 'run_path'],
    ['operator', 'attrgetter'],
    ['functools', 'reduce'],
    ['codecs', 'open'],
    ['argparse', 'FileType'],
    ['types', 'CodeType'],
    ['_io', 'open'],
    ['shutil', 'rmtree'],
    ['torch.serialization', 'os.system'],
    ['collections', 'abc.sys.modules'],
    ['os.path', 'join'],
    ['numpy.testing', 'os.system'],
  ])('refuses %s.%s by name', (module, name) => {
    const refusal = `its pickle imports ${module}.${name}`;
    for (const bytes of [
      pickled(call(module, name, ['touch /tmp/x'])),
      stackGlobal(module, name),
      Buffer.from(`(i${module}\n${name}\n.`),
      // mentioned without being called
      pickled(dict({ a: named(module, name) })),
    ]) {
      expect(() => read(bytes)).toThrow(UserError);
      expect(() => read(bytes)).toThrow(refusal);
    }
  });

  it('shows no control characters of a name', () => {
    expect(() => read(Buffer.from('cos\n\x1b[2Jsystem\n.'))).toThrow('os.?[2Jsystem');
  });

  const text = (length: number[]) => new Pickle().raw('X', length, 'ab').bytes();
  it.each<[string, Buffer, string]>([
    ['no end', pickled([1, 2]).subarray(0, -1), 'ends where 1 more'],
    ['nothing', Buffer.alloc(0), 'ends where 1 more'],
    ['a text longer than the file', text([255, 255, 255, 255]), 'ends where 4294967295 more'],
    [
      'bytes of 2^63',
      new Pickle().raw(0x8e, [0, 0, 0, 0, 0, 0, 0, 128]).bytes(),
      'ends where 9223372036854776000 more',
    ],
    [
      'a number of 2^31 bytes',
      new Pickle().raw(0x8b, [255, 255, 255, 127]).bytes(),
      'whole number of 2147483647 bytes',
    ],
    ['endless digits', Buffer.from(`L${'9'.repeat(20_000)}L\n.`), 'whole number that is none'],
    ['no digits', Buffer.from('Iabc\n.'), 'whole number that is none'],
    ['an unknown opcode', Buffer.from('\xff.', 'latin1'), 'unknown opcode 255 at byte 0'],
    ['extension codes', Buffer.from('\x82\x01.', 'latin1'), 'unknown opcode 130'],
    ['an empty stack', Buffer.from('.'), 'a value where there is none'],
    ['values below a mark', Buffer.from('N(.'), 'a value where there is none'],
    ['a missing mark', Buffer.from('Nt.'), 'a mark where there is none'],
    ['an unknown memory', Buffer.from('h\x05.'), 'recalls value 5'],
    ['an append to a number', Buffer.from('I1\nI2\na.'), 'appends to what is no list'],
    ['items of a list', Buffer.from(']NNs.'), 'items of what is no dict'],
    ['a key without a value', Buffer.from('}(Nu.'), 'an item without a value'],
    ['an import by a number', new Pickle().value(1).value('a').raw(0x93).bytes(), 'imports what is no name'],
    ['a call without arguments', new Pickle().value(named('torch', 'Size')).raw('NR').bytes(), 'without a tuple'],
    ['a text without quotes', Buffer.from('Sabc\n.'), 'a text without quotes'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(UserError);
    expect(() => read(bytes)).toThrow(message);
    expect(() => read(bytes)).toThrow('x.pth');
  });

  it('survives values nested a million deep, and values that hold themselves', () => {
    const deep = new Pickle().raw(new Uint8Array(1_000_000).fill(0x5d), new Uint8Array(999_999).fill(0x61)).bytes();
    // not by expect, which would look into it
    expect((read(deep) as unknown[]).length).toBe(1);
    const list = read(Buffer.from(']q\x00h\x00a.')) as unknown[];
    expect(list[0]).toBe(list);
  });

  it('refuses endless work: too many steps, and few steps over large lists', () => {
    expect(() => read(Buffer.alloc(4_000_001, 'N'))).toThrow('more than 4000000 steps');
    const list = new Pickle().raw('](', new Uint8Array(1_000_000).fill(0x4e), 'eq\x00');
    list.value(named('builtins', 'set')).raw('q\x01');
    for (let i = 0; i < 10; i++) list.raw('h\x01h\x00', 0x85, 'R');
    expect(() => read(list.bytes())).toThrow('more than 4000000 steps');
  });
});
