import { expect, it } from 'vitest';
import { catalogue, findWorkload } from './catalogue.ts';
import { workloads } from './workloads.ts';

const small = { size: 28, threads: 1 };

it('every workload of the catalogue is there, and no other', () => {
  expect(Object.keys(workloads)).toEqual(catalogue.map(({ name }) => name));
});

it('an unknown name is an error that lists the known ones', () => {
  expect(() => findWorkload('hed')).toThrow('unknown workload "hed"; did you mean "head"?');
  expect(() => findWorkload('everything')).toThrow('known: head, train, click, later-click');
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
