import { expect, it } from 'vitest';
import { upsamplers } from '../src/upsamplers/registry.ts';
import { catalogue, findWorkloads, upsamplerWork } from './catalogue.ts';
import { noise } from './initial.ts';
import { workloads } from './workloads.ts';

const small = { size: 28, threads: 1 };

it('every workload of the catalogue is there, and no other', () => {
  expect(Object.keys(workloads)).toEqual(catalogue.map(({ name }) => name));
});

it('an unknown name is an error that lists the known ones', () => {
  expect(() => findWorkloads('hed')).toThrow('unknown workload "hed"; did you mean "head"?');
  expect(() => findWorkloads('everything')).toThrow(
    'known: probe, backbones, upsamplers, head, train, click, later-click',
  );
});

it('head: the loss of an untrained head on random labels is about log 2', async () => {
  const step = await workloads.head(small);
  const [loss] = await step();
  expect(Math.abs(loss - Math.LN2)).toBeLessThan(0.1);
  expect((await step())[0]).toBe(loss);
});

it('train: the optimiser moves the weights, so that the next step has another loss', async () => {
  const step = await workloads.train(small);
  const first = (await step())[0];
  const second = (await step())[0];
  expect(first).toBeGreaterThan(0);
  expect(second).toBeGreaterThan(0);
  expect(second).not.toBe(first);
});

it.each(['click', 'later-click'] as const)('%s: gives probabilities of every pixel, the same again', async name => {
  const step = await workloads[name](small);
  const first = await step();
  expect(first).toHaveLength(28 * 28);
  expect(first.every(p => p > 0 && p < 1)).toBe(true);
  expect(new Set(first).size).toBeGreaterThan(1);
  expect(await step()).toEqual(first);
});

it.each(['vit-s14-224', 'vit-s14-448-gradient'])('%s: gives what depends on the image', async name => {
  const step = await workloads[name](small);
  const first = (await step()).slice();
  expect(first.length % 384).toBe(0);
  expect(first.some(x => x !== 0)).toBe(true);
  expect(await step()).toEqual(first);
});

it('every upsampler has a workload, but for none and a larger image, which is the work of a backbone', () => {
  const measured = upsamplers
    .map(({ name }) => name)
    .filter(name => name !== 'none' && !name.startsWith('large-image'));
  expect(new Set(upsamplerWork.map(({ upsampler }) => upsampler))).toEqual(new Set(measured));
});

it.each(['lift', 'anyup', 'naf', 'featup-later', 'nearest', 'carafe', 'jbu-later'])(
  '%s: gives the sums of a finer map, the same again',
  async name => {
    const step = await workloads[name]({ size: 56, threads: 1 });
    const first = (await step()).slice();
    expect(first).toHaveLength(384);
    expect(first.some(x => x !== 0)).toBe(true);
    expect(await step()).toEqual(first);
  },
);

it('the sums are those of the map: nearest has every cell 3.5 times a side', async () => {
  const step = await workloads.nearest({ size: 56, threads: 1 });
  const cells = noise('features', 384 * 16 * 16).subarray(0, 16 * 16);
  expect((await step())[0] / cells.reduce((sum, value) => sum + value, 0)).toBeCloseTo(3.5 ** 2, 1);
});

it('a group is all of its workloads', () => {
  expect(findWorkloads('backbones').map(({ name }) => name)).toHaveLength(8);
  expect(findWorkloads('jafar-later')).toHaveLength(1);
});
