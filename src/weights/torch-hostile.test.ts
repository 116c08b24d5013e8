import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zipArchive } from '../../test/support/archives.ts';
import {
  call,
  dict,
  named,
  orderedDict,
  Pickle,
  storage,
  tensor,
  torchLegacy,
  torchZip,
  tuple,
} from '../../test/support/checkpoints.ts';
import { UserError } from '../base/errors.ts';
import { memorySource } from './byte-source.ts';
import { torchWeights } from './torch.ts';

const read = (bytes: Uint8Array) => torchWeights(memorySource(bytes, 'x.pth'));
const DATA = { '0': Float32Array.of(1, 2, 3, 4) };

/** What a file of which nothing is known may do: be read, or be refused. */
function survives(bytes: Uint8Array): 'read' | 'refused' {
  try {
    for (const { shape, data } of read(bytes).values()) {
      expect(data.length).toBe(shape.reduce((product, n) => product * n, 1));
    }
    return 'read';
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.message).toContain('x.pth');
    return 'refused';
  }
}

describe('hostile checkpoints', () => {
  const marker = '/tmp/clickprobe-was-run';
  it.each([torchZip, torchLegacy])('runs nothing and names the import (%o)', write => {
    for (const [module, name] of [
      ['os', 'system'],
      ['posix', 'system'],
      ['subprocess', 'check_output'],
      ['builtins', 'eval'],
    ]) {
      const root = dict({ w: tensor({ key: '0', length: 4, shape: [4] }), x: call(module, name, [`touch ${marker}`]) });
      expect(() => read(write(root, DATA))).toThrow(UserError);
      expect(() => read(write(root, DATA))).toThrow(`x.pth is refused: its pickle imports ${module}.${name}`);
    }
    expect(existsSync(marker)).toBe(false);
  });

  const view = (more: Partial<Parameters<typeof tensor>[0]>) =>
    dict({ w: tensor({ key: '0', length: 4, shape: [4], ...more }) });
  it.each<[string, Parameters<typeof torchZip>[0], string]>([
    ['a view beyond its storage', view({ shape: [5] }), 'reaches to element 5 of its storage, which has 4'],
    ['an offset beyond it', view({ offset: 1 }), 'reaches to element 5'],
    ['a stride beyond it', view({ shape: [2], stride: [4] }), 'reaches to element 5'],
    [
      'strides that overflow',
      view({ shape: [2 ** 31, 2 ** 31], stride: [2 ** 52, 2 ** 52] }),
      'more memory than a file of',
    ],
    ['a stride near 2^53', view({ shape: [2], stride: [2 ** 53 - 1] }), 'reaches to element 9007199254740992'],
    ['a stride beyond 2^53', view({ shape: [2], stride: [2n ** 60n] }), 'the stride is [1152921504606846976]'],
    ['a stride beyond 2^64', view({ shape: [2], stride: [2n ** 64n + 1n] }), 'the stride is [18446744073709551617]'],
    ['a negative stride', view({ stride: [-1] }), 'the stride is [-1], expected whole numbers >= 0'],
    ['a negative size', view({ shape: [-4] }), 'the size is [-4]'],
    ['a negative offset', view({ offset: -1 }), 'the offset is -1'],
    ['half a size', view({ shape: [1.5] }), 'the size is [1.5]'],
    ['more sizes than strides', view({ shape: [2, 2], stride: [1] }), 'has 2 sizes but 1 strides'],
    ['65 dimensions', view({ shape: Array(65).fill(1) }), 'no tuple of at most 64 numbers'],
    ['an expanded tensor of a terabyte', view({ shape: [2 ** 38], stride: [0] }), 'more memory than a file of'],
    [
      'a tensor of no storage',
      dict({ w: call('torch._utils', '_rebuild_tensor_v2', ['a', 0, tuple(1), tuple(1)]) }),
      'the first argument is no storage',
    ],
    [
      'a tensor without arguments',
      dict({ w: call('torch._utils', '_rebuild_tensor_v2', []) }),
      'the first argument is no storage',
    ],
    [
      'a size that is a dict',
      dict({
        w: call('torch._utils', '_rebuild_tensor_v2', [
          storage({ key: '0', length: 4, shape: [] }),
          0,
          dict({}),
          tuple(1),
        ]),
      }),
      'the size is no tuple',
    ],
    ['a persistent id that is a number', new Pickle().value(5).raw('Q').bytes(), 'a persistent id is no tuple'],
    [
      'a persistent id of another kind',
      new Pickle().value(tuple('module', 'x')).raw('Q').bytes(),
      'a persistent id is no storage',
    ],
    ['a storage of negative length', view({ length: -1 }), 'a persistent id is no storage'],
    ['a subclass of itself', dict({ w: call('torch._tensor', '_rebuild_from_type_v2', [1]) }), 'it names no function'],
  ])('refuses %s, in both formats', (_, root, message) => {
    for (const bytes of [torchZip(root, DATA), torchLegacy(root, DATA)]) {
      expect(() => read(bytes)).toThrow(UserError);
      expect(() => read(bytes)).toThrow(message);
      expect(() => read(bytes)).toThrow('x.pth');
    }
  });

  it('refuses a storage that is longer than the file says (the pickle lies)', () => {
    const root = view({ length: 100, shape: [100] });
    expect(() => read(torchZip(root, DATA))).toThrow('bytes 0 to 400 of "archive/data/0" are needed, it has 16');
    expect(() => read(torchLegacy(root, DATA))).toThrow('bytes 0 to 400 of storage "0" are needed, it has 16');
  });

  it('finds storages by their keys in the file alone', () => {
    for (const key of ['7', '../version', '../../../etc/passwd']) {
      expect(() => read(torchZip(view({ key }), DATA))).toThrow(`it holds no entry "archive/data/${key}"`);
      expect(() => read(torchLegacy(view({ key })))).toThrow(`the storage "${key}" is missing`);
    }
  });

  it('does not let later opcodes change a checked size', () => {
    // the size is a list that grows after the tensor was made of it
    const pickle = new Pickle().raw('}').value('w').value(named('torch._utils', '_rebuild_tensor_v2')).raw('(');
    pickle
      .value(storage({ key: '0', length: 4, shape: [] }))
      .value(0)
      .raw(']q\x63')
      .value(4)
      .raw('a')
      .value(tuple(1))
      .raw('tR');
    pickle.raw('s', 'h\x63').value('text').raw('a0');
    expect([...read(torchZip(pickle.bytes(), DATA)).get('w')!.shape]).toEqual([4]);
  });

  it.each<[string, Buffer, string]>([
    ['a wrong magic number', torchLegacy(dict({}), {}, { magic: 5n }), 'its magic number is missing'],
    ['another protocol', torchLegacy(dict({}), {}, { protocol: 1002 }), 'states the protocol 1002, expected 1001'],
    ['a big-endian machine', torchLegacy(dict({}), {}, { littleEndian: false }), 'big-endian'],
    ['a storage of no tensor', torchLegacy(dict({}), DATA), 'it stores "0", of which no tensor is a view'],
    ['a cut storage', torchLegacy(view({}), DATA).subarray(0, -1), 'it seems cut off'],
    ['no storages', torchLegacy(view({}), DATA).subarray(0, -40), 'x.pth'],
    ['the byte order of others', torchZip(view({}), DATA, { more: { byteorder: 'big' } }), 'has the byte order "big"'],
    [
      'another archive',
      zipArchive([{ name: 'word/document.xml', data: 'x' }]),
      'no PyTorch checkpoint: expected one entry data.pkl, found 0',
    ],
    [
      'two pickles',
      zipArchive([{ name: 'a/data.pkl' }, { name: 'b/data.pkl' }]),
      'expected one entry data.pkl, found 2',
    ],
    [
      'a pickle bomb',
      zipArchive([{ name: 'a/data.pkl', data: Buffer.alloc(2 ** 26 + 1) }]),
      'more than the allowed 67108864',
    ],
    ['a text', Buffer.from('hello'), 'unknown format'],
    ['a safetensors file', Buffer.from('\x02\0\0\0\0\0\0\0{}', 'latin1'), 'by its content it is a safetensors file'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(UserError);
    expect(() => read(bytes)).toThrow(message);
    expect(() => read(bytes)).toThrow('x.pth');
  });
});

describe('damaged checkpoints', () => {
  const root = dict({
    epoch: 3,
    state_dict: orderedDict({
      a: tensor({ key: '0', length: 4, shape: [2, 2], stride: [1, 2] }),
      b: tensor({ key: '1', type: 'HalfStorage', length: 3, shape: [3] }),
    }),
  });
  const data = { ...DATA, '1': Uint16Array.of(1, 2, 3) };
  const small = {
    zip: torchZip(root, data),
    deflated: torchZip(root, data, { method: 8 }),
    legacy: torchLegacy(root, data),
  };

  it.each(Object.entries(small))('refuses every cut of a file (%s)', (_, whole) => {
    expect(survives(whole)).toBe('read');
    for (let length = 0; length < whole.length; length++) expect(survives(whole.subarray(0, length))).toBe('refused');
  });

  it.each(Object.entries(small))('survives every damaged byte (%s)', (_, whole) => {
    const results = new Set<string>();
    for (let at = 0; at < whole.length; at++) {
      for (const byte of [0, 0xff, whole[at] ^ 1, whole[at] ^ 0x80]) {
        const damaged = Buffer.from(whole);
        damaged[at] = byte;
        results.add(survives(damaged));
      }
    }
    expect(results).toContain('refused');
  });

  const folder = '../shared/weights';
  const file = `${folder}/clip_jbu_stack_cocostuff.ckpt`;
  const there = existsSync(file);
  if (!there) console.warn(`skipped: ${file} is missing, no real checkpoint is damaged`);

  it.skipIf(!there)('survives damage to a real file', () => {
    const whole = readFileSync(file);
    const directory = whole.readUInt32LE(whole.length - 22 + 16);
    // of 3.5 MB nearly all are weights: damage what has structure
    const place = fc.oneof(fc.integer({ min: 0, max: 23_000 }), fc.integer({ min: directory, max: whole.length - 1 }));
    const flips = fc.array(fc.tuple(place, fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 });
    const length = fc.option(fc.integer({ min: 0, max: whole.length - 1 }), { nil: whole.length, freq: 4 });
    fc.assert(
      fc.property(flips, length, (changes, kept) => {
        const damaged = Buffer.from(whole.subarray(0, kept));
        for (const [at, byte] of changes) if (at < kept) damaged[at] = byte;
        survives(damaged);
        return true;
      }),
      { numRuns: 300, seed: 7 },
    );
  });

  it('survives random pickles', () => {
    const opcode = fc.constantFrom(
      ...Buffer.from('().012NJKMIX}]uestabRQchqp\x81\x85\x86\x87\x88\x89\x8a\x8c\x93\x94\x8f\x90', 'latin1'),
    );
    const chunk = fc.oneof(
      { weight: 5, arbitrary: opcode.map(code => [code]) },
      fc.uint8Array({ maxLength: 6 }).map(bytes => [...bytes]),
    );
    const known = fc.constantFrom(
      [...Buffer.from('ctorch._utils\n_rebuild_tensor_v2\n')],
      [...Buffer.from('ccollections\nOrderedDict\n')],
      [...Buffer.from('ctorch\nFloatStorage\n')],
      [...Buffer.from('U\x07storage')],
    );
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 6, arbitrary: chunk }, known), { maxLength: 60 }), chunks => {
        survives(torchZip(Buffer.from([...chunks.flat(), 0x2e]), DATA));
        return true;
      }),
      { numRuns: 2000 },
    );
  });
});
