import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  call,
  dict,
  instance,
  named,
  orderedDict,
  pickled,
  storage,
  tensor,
  torchLegacy,
  torchZip,
  tuple,
} from '../../test/support/checkpoints.ts';
import { UserError } from '../base/errors.ts';
import { memorySource } from './byte-source.ts';
import { floatToBfloat, floatToHalf } from './half.ts';
import { readTorch, type TorchSelection, torchWeights } from './torch.ts';

const read = (bytes: Uint8Array, selection?: TorchSelection) => torchWeights(memorySource(bytes, 'x.pth'), selection);
const plain = (weights: ReturnType<typeof read>) =>
  Object.fromEntries([...weights].map(([name, { shape, data }]) => [name, { shape, data: [...data] }]));
const refused = (use: () => unknown, message: string | RegExp) => {
  expect(use).toThrow(UserError);
  expect(use).toThrow(message);
  expect(use).toThrow('x.pth');
};

const vector = (key: string, length = 2) => tensor({ key, length, shape: [length] });
const SIX = Float32Array.of(0, 1, 2, 3, 4, 5);

describe('readTorch', () => {
  const folder = mkdtempSync(join(tmpdir(), 'torch-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const root = orderedDict({
    'conv.weight': tensor({ key: '0', length: 6, shape: [2, 3] }),
    'conv.bias': tensor({ key: '1', length: 2, shape: [2] }),
    scale: tensor({ key: '2', length: 1, shape: [] }),
    none: tensor({ key: '3', length: 0, shape: [0, 4] }),
  });
  const storages = { '0': SIX, '1': Float32Array.of(-1, 0.5), '2': Float32Array.of(7), '3': new Float32Array(0) };
  const expected = {
    'conv.weight': { shape: [2, 3], data: [0, 1, 2, 3, 4, 5] },
    'conv.bias': { shape: [2], data: [-1, 0.5] },
    scale: { shape: [], data: [7] },
    none: { shape: [0, 4], data: [] },
  };

  it.each([
    ['zip', torchZip(root, storages)],
    ['zip with its byte order', torchZip(root, storages, { folder: 'some model', more: { byteorder: 'little' } })],
    ['deflated zip', torchZip(root, storages, { method: 8 })],
    ['ZIP64', torchZip(root, storages, { zip64: true })],
    ['legacy', torchLegacy(root, storages)],
  ])('reads the %s format whatever the name of the file', (format, bytes) => {
    const path = join(folder, `${format}.jpg`);
    writeFileSync(path, bytes);
    expect(plain(readTorch(path))).toEqual(expected);
    expect(Object.keys(plain(readTorch(path)))).toEqual(Object.keys(expected));
  });

  it.each<[string, NodeJS.TypedArray, number[]]>([
    ['FloatStorage', Float32Array.of(1.5, -2, 1e-40), [1.5, -2, Math.fround(1e-40)]],
    ['DoubleStorage', Float64Array.of(0.1, -2, 1e300), [Math.fround(0.1), -2, Number.POSITIVE_INFINITY]],
    ['HalfStorage', floatToHalf(Float32Array.of(0.1, -2, 65504)), [0.0999755859375, -2, 65504]],
    ['BFloat16Storage', floatToBfloat(Float32Array.of(1, -2, 2 ** 100)), [1, -2, 2 ** 100]],
    ['LongStorage', BigInt64Array.of(2n ** 53n, -5n, 16777217n), [2 ** 53, -5, 16777216]],
    ['IntStorage', Int32Array.of(2, -5, 100000), [2, -5, 100000]],
    ['ShortStorage', Int16Array.of(2, -5, 32767), [2, -5, 32767]],
    ['CharStorage', Int8Array.of(2, -5, 127), [2, -5, 127]],
    ['ByteStorage', Uint8Array.of(2, 5, 255), [2, 5, 255]],
    ['BoolStorage', Uint8Array.of(1, 0, 1), [1, 0, 1]],
  ])('widens %s, in parts and transposed too', (type, data, values) => {
    const root = dict({
      whole: tensor({ key: 'k', type, length: 3, shape: [3] }),
      part: tensor({ key: 'k', type, length: 3, offset: 1, shape: [2] }),
      every: tensor({ key: 'k', type, length: 3, shape: [2], stride: [2] }),
    });
    for (const bytes of [torchZip(root, { k: data }), torchLegacy(root, { k: data })]) {
      const { whole, part, every } = plain(read(bytes));
      expect(whole.data).toEqual(values);
      expect(part.data).toEqual(values.slice(1));
      expect(every.data).toEqual([values[0], values[2]]);
    }
  });

  it('reads views: offsets, transposes, steps, expanded ones', () => {
    const view = (shape: number[], stride: number[], offset = 0) =>
      tensor({ key: '0', length: 6, shape, stride, offset });
    const root = dict({
      transposed: view([3, 2], [1, 3]),
      column: view([2], [3], 1),
      expanded: view([2, 3], [0, 1], 3),
      single: view([1, 3, 1], [99, 1, 99]),
      last: view([], [], 5),
      empty: view([0, 3], [3, 1]),
    });
    expect(plain(read(torchZip(root, { '0': SIX })))).toEqual({
      transposed: { shape: [3, 2], data: [0, 3, 1, 4, 2, 5] },
      column: { shape: [2], data: [1, 4] },
      expanded: { shape: [2, 3], data: [3, 4, 5, 3, 4, 5] },
      single: { shape: [1, 3, 1], data: [0, 1, 2] },
      last: { shape: [], data: [5] },
      empty: { shape: [0, 3], data: [] },
    });
  });

  it('reads any permutation of any slice as indexing does (property)', () => {
    const cases = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }).chain(shape =>
      fc.tuple(
        fc.constant(shape),
        fc.shuffledSubarray(
          shape.map((_, i) => i),
          { minLength: shape.length },
        ),
        fc.nat(3),
      ),
    );
    fc.assert(
      fc.property(cases, ([shape, order, offset]) => {
        const rowMajor = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
        const count = shape.reduce((a, b) => a * b, 1);
        const data = Float32Array.from({ length: count + offset + 2 }, (_, i) => i);
        const view = tensor({
          key: 'a',
          length: data.length,
          offset,
          shape: order.map(d => shape[d]),
          stride: order.map(d => rowMajor[d]),
        });
        const { w } = plain(read(torchZip(dict({ w: view }), { a: data })));
        const indices = (sizes: number[]): number[][] =>
          sizes.length === 0
            ? [[]]
            : [...Array(sizes[0]).keys()].flatMap(i => indices(sizes.slice(1)).map(rest => [i, ...rest]));
        expect(w.data).toEqual(
          indices(order.map(d => shape[d])).map(
            index => offset + index.reduce((sum, i, d) => sum + i * rowMajor[order[d]], 0),
          ),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('shares the memory of tied weights, and nothing else', () => {
    const root = dict({ a: vector('0'), b: vector('0'), c: tensor({ key: '0', length: 2, offset: 1, shape: [1] }) });
    const weights = read(torchZip(root, { '0': Float32Array.of(1, 2) }));
    expect(weights.get('b')!.data).toBe(weights.get('a')!.data);
    expect(weights.get('c')!.data.buffer).not.toBe(weights.get('a')!.data.buffer);
  });

  it('reads parts of storages as old versions name them', () => {
    const part = tensor({ key: 'root', length: 6, shape: [2], offset: 1, view: ['part', 2, 3] });
    const whole = tensor({ key: 'root', length: 6, shape: [6], legacy: true });
    expect(plain(read(torchLegacy(dict({ part, whole }), { root: SIX }))).part.data).toEqual([3, 4]);
  });

  it('reads parameters, old and typed tensors and subclasses', () => {
    const args = [tuple(2), tuple(1)] as const;
    const half = floatToHalf(Float32Array.of(1, 2));
    const typed = (dtype: string) =>
      call('torch._utils', '_rebuild_tensor_v3', [
        storage({ key: 'u', type: 'UntypedStorage', length: 4, shape: [] }),
        0,
        ...args,
        false,
        null,
        named('torch', dtype),
      ]);
    const root = dict({
      parameter: call('torch._utils', '_rebuild_parameter', [
        vector('0'),
        true,
        call('collections', 'OrderedDict', []),
      ]),
      stateful: call('torch._utils', '_rebuild_parameter_with_state', [vector('0'), true, null, dict({})]),
      old: call('torch._utils', '_rebuild_tensor', [storage({ key: '0', length: 2, shape: [] }), 0, ...args]),
      typed: typed('float16'),
      unsigned: typed('uint16'),
      subclass: call('torch._tensor', '_rebuild_from_type_v2', [
        named('torch._utils', '_rebuild_tensor_v2'),
        named('timm.models', 'MyTensor'),
        tuple(storage({ key: '0', length: 2, shape: [] }), 0, ...args, false, null),
        dict({}),
      ]),
    });
    const { typed: float16, unsigned, ...rest } = plain(read(torchZip(root, { '0': Float32Array.of(8, 9), u: half })));
    for (const { data } of Object.values(rest)) expect(data).toEqual([8, 9]);
    expect(Object.keys(rest)).toEqual(['parameter', 'stateful', 'old', 'subclass']);
    expect(float16.data).toEqual([1, 2]);
    expect(unsigned.data).toEqual([...half]);
  });

  it('says which tensors it cannot read, where they are asked for', () => {
    const root = dict({
      good: vector('0'),
      sparse: call('torch._utils', '_rebuild_sparse_tensor', [1]),
      complex: tensor({ key: 'c', type: 'ComplexFloatStorage', length: 1, shape: [1] }),
      float8: call('torch._utils', '_rebuild_tensor_v3', [
        storage({ key: 'c', type: 'UntypedStorage', length: 8, shape: [] }),
        0,
        tuple(1),
        tuple(1),
        false,
        null,
        named('torch', 'float8_e4m3fn'),
      ]),
    });
    const bytes = torchZip(root, { '0': SIX.slice(0, 2), c: SIX.slice(0, 2) });
    const only = (name: string) => () => read(bytes, { only: given => given === name });
    expect([...only('good')().keys()]).toEqual(['good']);
    refused(only('sparse'), 'tensor "sparse" is made by torch._utils._rebuild_sparse_tensor');
    refused(only('complex'), 'tensor "complex" is stored as torch.ComplexFloatStorage');
    refused(only('float8'), 'tensor "float8" is stored as torch.float8_e4m3fn');
  });
});

describe('where the state dict is', () => {
  const storages = { '0': Float32Array.of(1, 2), '1': Float32Array.of(3, 4) };
  const student = orderedDict({ 'module.w': vector('0') });
  const teacher = orderedDict({ 'module.w': vector('1') });
  const optimizer = dict({ state: dict({ exp_avg: vector('0') }) });
  const args = instance('argparse', 'Namespace', dict({ lr: 0.1 }));
  const values = (root: Parameters<typeof torchZip>[0], selection?: TorchSelection) =>
    Object.fromEntries([...read(torchZip(root, storages), selection)].map(([name, { data }]) => [name, data[0]]));

  it.each(['state_dict', 'model', 'teacher', 'student', 'params', 'params_ema', 'ema', 'net', 'whatever'])(
    'finds it under %s, beside the state of training',
    key => {
      const step = tensor({ key: '1', length: 2, shape: [] });
      const callbacks = dict({ best: dict({ score: step, history: vector('0') }) });
      const root = dict({ epoch: 3, step, args, callbacks, optimizer, [key]: student, lr_schedulers: [dict({})] });
      expect(values(root)).toEqual({ 'module.w': 1 });
      expect(values(root, { nested: key })).toEqual({ 'module.w': 1 });
    },
  );

  it('lets the user choose where there are several', () => {
    const root = dict({ student, teacher, epoch: 1 });
    refused(() => values(root), 'several sets of weights: "student" (1 tensors), "teacher" (1 tensors)');
    expect(values(root, { nested: 'teacher' })).toEqual({ 'module.w': 3 });
    refused(
      () => values(root, { nested: 'techer' }),
      'holds no "techer". It holds student (dict of 1), teacher (dict of 1), epoch (number)',
    );
    refused(() => values(root, { nested: 'epoch' }), 'no weights under "epoch"');
  });

  it('follows paths of keys, also of keys with dots, and through objects', () => {
    const ema = instance('timm.utils', 'ModelEma', dict({ shadow: teacher }));
    const root = dict({ 'v1.0': dict({ model: student }), ema });
    refused(() => values(root), '"ema.shadow"');
    expect(values(root, { nested: 'v1.0' })).toEqual({ 'module.w': 1 });
    expect(values(root, { nested: 'v1.0.model' })).toEqual({ 'module.w': 1 });
    expect(values(root, { nested: 'ema' })).toEqual({ 'module.w': 3 });
    expect(values(root, { nested: 'ema.shadow', prefix: 'module.' })).toEqual({ w: 3 });
  });

  it('reads whole modules as their state_dict()', () => {
    const module = (
      parameters: Record<string, unknown>,
      modules: Record<string, unknown>,
      buffers: Record<string, unknown> = {},
    ) =>
      instance(
        'my_project',
        'Net',
        dict({
          training: false,
          _parameters: orderedDict(parameters as never),
          _buffers: orderedDict(buffers as never),
          _non_persistent_buffers_set: call('builtins', 'set', [['temporary']]),
          _modules: orderedDict(modules as never),
        }),
      );
    const linear = module({ weight: vector('0'), bias: null }, {});
    const net = module(
      { token: vector('1') },
      { fc1: linear, act: module({}, {}), fc2: linear },
      { temporary: vector('0'), mean: vector('1') },
    );
    expect(values(dict({ model: net, epoch: 1 }))).toEqual({ token: 3, mean: 3, 'fc1.weight': 1, 'fc2.weight': 1 });
    expect(Object.keys(values(net))).toEqual(['token', 'mean', 'fc1.weight', 'fc2.weight']);
  });

  it('reads TorchScript archives', () => {
    const conv = instance(
      '__torch__.torch.nn.modules.conv.___torch_mangle_3',
      'Conv2d',
      dict({ training: false, weight: vector('0') }),
    );
    const clip = instance(
      '__torch__.multimodal.model',
      'CLIP',
      dict({ training: false, logit_scale: vector('1'), visual: conv }),
    );
    expect(values(clip)).toEqual({ logit_scale: 3, 'visual.weight': 1 });
  });

  it('takes names by prefix and by choice', () => {
    const root = dict({ 'module.backbone.w': vector('0'), 'module.head.w': vector('1') });
    expect(values(root, { prefix: 'module.' })).toEqual({ 'backbone.w': 1, 'head.w': 3 });
    expect(values(root, { prefix: 'module.backbone.' })).toEqual({ w: 1 });
    expect(values(root, { prefix: 'module.', only: name => name.startsWith('head.') })).toEqual({ 'head.w': 3 });
    expect(values(root, { only: () => false })).toEqual({});
    refused(() => values(root, { prefix: 'encoder.' }), 'begins with "encoder."; names begin with module.');
  });

  it.each<[string, Parameters<typeof torchZip>[0], string]>([
    ['an empty dict', dict({}), 'no weights: expected a dict of names and tensors'],
    ['settings only', dict({ lr: 0.1, args }), 'It holds lr (number), args (argparse.Namespace)'],
    ['a lone tensor', vector('0'), 'It holds tensor'],
    ['a list of tensors', [vector('0')], 'It holds list of 1'],
    ['the optimizer alone', dict({ optimizer }), 'It holds optimizer (dict of 1)'],
    ['nothing', null, 'It holds None'],
  ])('refuses %s', (_, root, message) => refused(() => values(root), message));

  it('does not follow a dict that holds itself', () => {
    refused(() => values(Buffer.concat([Buffer.from('}q\x00X\x01\x00\x00\x00ah\x00s.')])), 'no weights');
  });

  it('refuses modules that hold themselves', () => {
    // {'_modules': {'a': <itself>}} as its own state
    const text = (value: string) =>
      Buffer.concat([Buffer.from('X'), Buffer.from([value.length, 0, 0, 0]), Buffer.from(value)]);
    const endless = Buffer.concat([
      Buffer.from('cmy\nNet\n)\x81q\x00}', 'latin1'),
      text('_modules'),
      Buffer.from('}'),
      text('a'),
      Buffer.from('h\x00ssb.'),
    ]);
    refused(() => values(endless), 'nests its modules without end');
  });
});

describe('real checkpoints', () => {
  const folder = '../shared/weights';
  const there = existsSync(folder);
  if (!there) console.warn(`skipped: ${folder} is missing, real checkpoints are not read`);

  // computed with CPython's own zipfile and pickle: SHA-256 over each name, shape and bytes
  const KNOWN: Record<string, [number, string]> = {
    'anyup_multi_backbone.pth': [73, '3a5e7e4649ca793e11e20986cd7befddadf2e053cf741d381591b7fc232b8d03'],
    'anyup_paper.pth': [73, 'a87a9f0869aa2eaa120bc4acb6e13b2eaaafa8b3d6307dabae15368ec0d42ee5'],
    'clip_jbu_stack_cocostuff.ckpt': [42, '98fd0676ba4904d3ea52ff005bef36b32d5d17585c6c65c648cdc85499958e8b'],
    'maskclip_jbu_stack_cocostuff.ckpt': [42, '2e59ec05fc49588def517da4da85780bc5267c98e5e266548c510154eb949b5a'],
    'vit_small_patch14_dinov2.lvd142m.pth': [65, 'ee77d1fae2c1fc799c16e274bea624199071b157f2729fc30f7e85bf581cf92b'],
  };

  it.skipIf(!there)('reads every one, the known ones as Python does', () => {
    const files = readdirSync(folder).filter(file => /\.(pth|pt|ckpt|bin)$/.test(file));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const weights = readTorch(join(folder, file));
      expect(weights.size).toBeGreaterThan(0);
      const hash = createHash('sha256');
      for (const [name, { shape, data }] of weights) {
        expect(data.length).toBe(shape.reduce((product, n) => product * n, 1));
        hash
          .update(`${name}[${shape.join(', ')}]`)
          .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      }
      if (KNOWN[file]) expect([file, weights.size, hash.digest('hex')]).toEqual([file, ...KNOWN[file]]);
    }
  });
});

describe('the builders of these tests', () => {
  it('write what is expected of them', () => {
    expect(pickled(tuple(1, 'a')).toString('latin1')).toBe('\x80\x02(J\x01\x00\x00\x00X\x01\x00\x00\x00at.');
  });
});
