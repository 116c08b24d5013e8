import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { fitWeights } from './fit-weights.ts';
import { layout, unchanged, without } from './layout.ts';

const tensor = (shape: number[], from = 1) => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => from + i),
});
type File = Map<string, ReturnType<typeof tensor>>;

const names = unchanged('token', 'extra', 'blocks.#.fc.*', 'proj');
const layouts = [
  layout('ours', names),
  layout('theirs', {
    token: { names: [null, 'embeddings.token'], first: 1 },
    extra: 'embeddings.extra',
    'blocks.#.fc.weight': ['layer.#.a.weight', 'layer.#.b.weight'],
    'blocks.#.fc.bias': ['layer.#.a.bias', null],
    proj: { names: ['projection.weight'], transposed: true },
  }),
];
const needed = [
  { name: 'token', shape: [1, 3, 2] },
  { name: 'blocks.0.fc.weight', shape: [4, 2] },
  { name: 'blocks.0.fc.bias', shape: [4] },
  { name: 'proj', shape: [2, 3] },
];

const ours = (): File =>
  new Map([
    ['token', tensor([3, 2])],
    ['blocks.0.fc.weight', tensor([4, 2])],
    ['blocks.0.fc.bias', tensor([4])],
    ['proj', tensor([2, 3])],
  ]);
const theirs = (): File =>
  new Map([
    ['embeddings.token', tensor([1, 2, 2], 10)],
    ['layer.0.a.weight', tensor([2, 2], 20)],
    ['layer.0.b.weight', tensor([2, 2], 30)],
    ['layer.0.a.bias', tensor([2], 40)],
    ['projection.weight', tensor([3, 2], 50)],
  ]);
const prefixed = (file: File, prefix: string): File => new Map([...file].map(([name, t]) => [prefix + name, t]));
const loaded = (file: File) => fitWeights(file, 'w.pth', 'the net', needed, layouts);
const numbers = (file: File) => Object.fromEntries([...loaded(file)].map(([name, { data }]) => [name, [...data]]));

describe('fitWeights', () => {
  it('takes tensors as they are where names agree, whatever axes of size 1 they have', () => {
    const weights = loaded(ours());
    expect([...weights].map(([name, { shape }]) => ({ name, shape }))).toEqual(needed);
    expect([...weights.get('token')!.data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('joins parts, fills in zeros and transposes', () => {
    expect(numbers(theirs())).toEqual({
      token: [0, 0, 10, 11, 12, 13],
      'blocks.0.fc.weight': [20, 21, 22, 23, 30, 31, 32, 33],
      'blocks.0.fc.bias': [40, 41, 0, 0],
      proj: [50, 52, 54, 51, 53, 55],
    });
  });

  it.each(['model.', 'teacher.backbone.', 'module.'])('finds names under the prefix %s', prefix => {
    expect(numbers(prefixed(theirs(), prefix))).toEqual(numbers(theirs()));
  });

  it('leaves alone what no layout knows, and what stands elsewhere', () => {
    const file = prefixed(ours(), 'visual.')
      .set('visual.head.weight', tensor([2]))
      .set('extra', tensor([2]));
    expect(numbers(file)).toEqual(numbers(ours()));
  });

  it('prefers the reading whose shapes fit', () => {
    // another tower with the same names beside it
    const file = new Map([...prefixed(ours(), 'text.'), ...prefixed(ours(), 'visual.')]);
    file.set('text.token', tensor([9, 2]));
    expect(numbers(file)).toEqual(numbers(ours()));
  });

  const complaint = (change: (file: File) => void, file = ours()) => {
    change(file);
    try {
      loaded(file);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      return (error as Error).message;
    }
    return 'no error';
  };

  it('names what is missing and what does not fit', () => {
    const message = complaint(file => file.delete('proj') && file.set('token', tensor([5, 2])));
    expect(message).toContain('w.pth (ours names) does not fit the net');
    expect(message).toContain('tensor "token" should be of shape [1,3,2], found [5,2]');
    expect(message).toContain('tensor "proj" should be of shape [2,3], found nothing');
    expect(complaint(f => f.delete('m.layer.0.b.weight'), prefixed(theirs(), 'm.'))).toContain(
      'w.pth (theirs names) does not fit the net: tensor "m.layer.0.b.weight" should be of shape [2,2], found nothing',
    );
  });

  it('refuses the file of a deeper network, or of one with more tokens', () => {
    expect(complaint(file => file.set('blocks.1.fc.bias', tensor([4])))).toContain(
      'w.pth holds tensors that the net does not have: blocks.1.fc.bias. Is it the file of another model',
    );
    expect(complaint(f => f.set('embeddings.extra', tensor([1])), theirs())).toContain(
      'does not have: embeddings.extra',
    );
  });

  it('says what a file of something else holds', () => {
    const other = new Map([['conv.weight', tensor([1])]]);
    expect(complaint(() => undefined, other)).toBe(
      'w.pth does not hold the net: no tensor has a name as in ours or theirs files; found conv.weight',
    );
    expect(complaint(() => undefined, new Map())).toContain('found no tensor at all');
  });

  it('does not choose between two that fit', () => {
    const file = new Map([...prefixed(ours(), 'student.'), ...prefixed(ours(), 'teacher.')]);
    expect(complaint(() => undefined, file)).toContain('holds the net twice, under "student." and "teacher."');
  });

  it('needs a place for every parameter in every layout', () => {
    const small = [layout('small', without(names, 'proj'))];
    expect(() => fitWeights(ours(), 'w.pth', 'the net', needed, small)).toThrow(
      'the small layout has no place for "proj"',
    );
  });
});

describe('layout', () => {
  it('translates either way', () => {
    const [, other] = layouts;
    expect(other.source('blocks.12.fc.weight')?.names).toEqual(['layer.12.a.weight', 'layer.12.b.weight']);
    expect(other.source('blocks.12.fc.bias')?.names).toEqual(['layer.12.a.bias', null]);
    expect(other.parameters('layer.3.b.weight')).toEqual(['blocks.3.fc.weight']);
    expect(other.parameters('layer.3.b.bias')).toEqual([]);
    expect(other.source('blocks.x.fc.weight')).toBeUndefined();
    expect(layouts[0].parameters('blocks.3.fc.scale')).toEqual([]);
  });
});
