import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { headNamed, toyProbe } from '../../test/support/toy-probe.ts';
import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { Shape } from '../graph/tensor.ts';
import { buildProbe, type Probe } from '../probe/probe.ts';
import { none } from '../upsamplers/interpolation.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import { initialState, loadState, saveState, type TrainingState } from './state.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickprobe-state-'));
  path = join(folder, 'probe', 'checkpoint.safetensors');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function start(changes: Partial<Probe> = {}, seed = 3) {
  const { trained } = buildProbe(toyProbe(changes), 1, [16, 16]);
  const shapes = new Map<string, Shape>([...trained].map(([name, p]) => [name, p.shape]));
  return { state: initialState(trained.values(), seed), shapes };
}

/** A step with made-up gradients; what a trainer would change. */
function advance(state: TrainingState): void {
  const random = Random.of(1, 'gradients', state.step);
  const gradients = new Map(
    [...state.parameters].map(([name, p]) => [name, Float32Array.from(p, () => random.normal() * 10 ** -state.step)]),
  );
  state.adam.step(state.parameters, gradients, 1e-2);
  state.iou.update(Float32Array.of(1, -1, random.normal(), 0.1), Float32Array.of(1, 0, 1, -1), 1);
  state.losses.push(Math.fround(random.uniform()));
  state.step++;
}

const contents = ({ step, parameters, adam, iou, losses }: TrainingState) => ({
  step,
  parameters,
  moments: adam.state(),
  adamSteps: adam.steps,
  iou: iou.state,
  losses,
});

describe('saveState and loadState', () => {
  it.each([0, 1, 3])('give back the state after %d steps, to the bit', steps => {
    const { state, shapes } = start();
    for (let i = 0; i < steps; i++) advance(state);
    saveState(path, state, shapes);
    const loaded = loadState(path, shapes)!;
    expect(contents(loaded)).toEqual(contents(state));
    expect(loaded.adam.state().size).toBe(steps === 0 ? 0 : 2 * state.parameters.size);
    for (let i = 0; i < 2; i++) for (const one of [state, loaded]) advance(one);
    expect(contents(loaded)).toEqual(contents(state));
    expect(loaded.step).toBe(steps + 2);
  });

  it('replace the file', () => {
    const { state, shapes } = start();
    saveState(path, state, shapes);
    advance(state);
    saveState(path, state, shapes);
    expect(loadState(path, shapes)!.step).toBe(1);
  });

  it('give null where there is no file', () => expect(loadState(path, new Map())).toBeNull());
});

describe('a file that does not fit is a UserError that names it', () => {
  function refused(shapes: ReadonlyMap<string, Shape>, message: RegExp): void {
    expect(() => loadState(path, shapes)).toThrow(UserError);
    expect(() => loadState(path, shapes)).toThrow(message);
    expect(() => loadState(path, shapes)).toThrow(path);
  }
  function saved(changes: Partial<Probe> = {}): ReadonlyMap<string, Shape> {
    const { state, shapes } = start(changes);
    advance(state);
    saveState(path, state, shapes);
    return shapes;
  }

  it('other shapes', () => {
    saved();
    const message = /another probe: "parameter\.probe\.head\.\S+" should be F32 \[5, .*\], found F32 \[8, .*--out/;
    refused(start({ headWidth: 5 }).shapes, message);
  });

  it('other parameters', () => {
    saved({ head: headNamed('linear') });
    refused(start().shapes, /"parameter\.probe\.head\.convs\.0\.conv\.weight" should be .*, found nothing/);
  });

  it('another format', () => {
    const shapes = saved();
    const { tensors, metadata } = readSafetensors(path);
    writeSafetensors(path, tensors, { ...metadata, format: 'something' });
    refused(shapes, /no training checkpoint of clickprobe\. Remove it, or choose another folder with --out/);
    writeSafetensors(path, tensors);
    refused(shapes, /no training checkpoint/);
  });

  it.each(['adam.first.probe.head.classifier.bias', 'adam.second.probe.clicks.proj.weight', 'losses'])(
    'no %s',
    name => {
      const shapes = saved();
      const { tensors, metadata } = readSafetensors(path);
      expect(tensors.delete(name)).toBe(true);
      writeSafetensors(path, tensors, metadata);
      refused(shapes, new RegExp(`"${name.replaceAll('.', '\\.')}" should be .*, found nothing`));
    },
  );

  it('cut off, at any place', () => {
    const shapes = saved();
    const whole = readFileSync(path);
    for (const part of [0, 5, 100, 0.5 * whole.length, whole.length - 1]) {
      writeFileSync(path, whole);
      truncateSync(path, Math.floor(part));
      refused(shapes, /checkpoint/);
    }
  });
});

describe('initialState', () => {
  it('is the same for the same layer in every probe', () => {
    const base = start().state.parameters;
    const probes: Partial<Probe>[] = [{ upsampler: none }, { injection: 'late' }, { head: headNamed('simple-conv') }];
    // of a bias the weight says whether it is the same layer
    const layer = (name: string) => name.replace(/bias$/, 'weight');
    for (const changes of probes) {
      const { parameters } = start(changes).state;
      const common = [...parameters.keys()].filter(
        name => base.get(layer(name))?.length === parameters.get(layer(name))!.length,
      );
      expect(common.length).toBeGreaterThanOrEqual(4);
      for (const name of common) expect(parameters.get(name), name).toEqual(base.get(name));
    }
  });

  it('differs between seeds and between layers', () => {
    const [one, other] = [start({}, 3), start({}, 4)].map(({ state }) => state.parameters);
    expect([...one.keys()]).toEqual([...other.keys()]);
    for (const [name, values] of one) expect(values, name).not.toEqual(other.get(name));
    expect(one.get('probe.head.convs.0.conv.weight')).not.toEqual(one.get('probe.head.convs.1.conv.weight'));
  });

  it('has done nothing yet', () => {
    const { state } = start();
    expect([state.step, state.adam.steps, state.losses, state.iou.state.movingIou]).toEqual([0, 0, [], 0]);
  });
});
