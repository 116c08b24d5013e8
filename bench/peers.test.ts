import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { count, input, nameOf } from '../src/graph/tensor.ts';
import { Scope } from '../src/nn/scope.ts';
import { compile } from '../src/runtime/node.ts';
import { featUpImplicit, startValues, viewsOf } from '../src/upsamplers/featup-implicit.ts';
import { findUpsampler } from '../src/upsamplers/registry.ts';
import { expectClose } from '../test/support/close.ts';
import { upsamplerWork } from './catalogue.ts';
import { initial, noise } from './initial.ts';
import { findPeer } from './peer.ts';

const script = fileURLToPath(new URL('./peers/upsamplers.py', import.meta.url));
const peer = findPeer({ defaultScript: script });
const folder = mkdtempSync(join(tmpdir(), 'bench-peers-'));
afterAll(() => rmSync(folder, { recursive: true }));

/**
 * Reads features, image, what there is of views and the tensors of ours, in the order in which the graph asks for them;
 * the peer takes those of the same last name and shape in its own order.
 */
const PROGRAM = `
import json, sys
sys.dont_write_bytecode = True
folder, peers = sys.argv[1:]
sys.path.insert(0, peers)
import torch
from upsamplers import UPSAMPLERS
asked = json.load(open(folder + "/asked.json"))
data = torch.frombuffer(bytearray(open(folder + "/data", "rb").read()), dtype=torch.float32)
parts = iter(data.split([torch.Size(t["shape"]).numel() for t in asked["tensors"]]))
tensors = [(t["name"].split(".")[-1], next(parts).reshape(t["shape"])) for t in asked["tensors"]]
(_, features), (_, image), *rest = tensors
views = [t for n, t in rest if n in ("looks", "down", "across")]
weights = [(n, t) for n, t in rest if n not in ("looks", "down", "across")]
net = UPSAMPLERS[asked["method"]]()
if isinstance(net, torch.nn.Module):
    for name, own in net.state_dict().items():
        last = name.split(".")[-1]
        if last == "num_batches_tracked":
            continue
        i = next(i for i, (n, t) in enumerate(weights) if n == last and t.shape == own.shape)
        own.copy_(weights.pop(i)[1])
assert not weights, [(n, t.shape) for n, t in weights]
with torch.no_grad():
    y = net(features, image, *views).contiguous()
open(folder + "/result", "wb").write(y.numpy().tobytes())
print(json.dumps(list(y.shape)))
`;

/** The peer's answer to what ours was given. */
function askPeer(method: string, tensors: { name: string; shape: readonly number[]; data: Float32Array }[]) {
  if ('missing' in peer) throw new Error(peer.missing);
  const asked = { method, tensors: tensors.map(({ name, shape }) => ({ name, shape })) };
  writeFileSync(join(folder, 'asked.json'), JSON.stringify(asked));
  writeFileSync(join(folder, 'data'), Buffer.concat(tensors.map(({ data }) => Buffer.from(data.buffer))));
  const peers = fileURLToPath(new URL('./peers', import.meta.url));
  const { stdout, stderr, status } = spawnSync(peer.python, ['-c', PROGRAM, folder, peers], {
    encoding: 'utf8',
    env: peer.env,
  });
  expect(status, stderr).toBe(0);
  const bytes = readFileSync(join(folder, 'result'));
  return { shape: JSON.parse(stdout), data: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) };
}

/** Cells along a side: few, but more than the widest kernel takes. */
const CELLS = 6;

/** Their peers keep the formulas, but leave out some learned phases and biases: no tensor for tensor comparison. */
const OTHER_TENSORS = ['loftup', 'jafar', 'anyup', 'naf'];
const compared = upsamplerWork.filter(
  ({ upsampler, kept }) => !kept && ![...OTHER_TENSORS, 'featup-implicit'].includes(upsampler),
);

it.skipIf('missing' in peer).each(compared)('the peer of $upsampler computes what ours does', async work => {
  const size = [14 * CELLS, 14 * CELLS] as const;
  const image = input('image', [1, 3, ...size], 'image');
  const features = input('features', [1, 384, CELLS, CELLS], 'clicks');
  const scope = Scope.frozen('upsampler');
  const y = findUpsampler(work.upsampler).upsample(features, image, size, scope);
  const bound = initial(scope.parameters);
  const program = await compile({ look: { y } }, { threads: 2, bound, forGradient: false });
  const [cells, pixels] = [features, image].map(({ shape }, i) => ({ shape, data: noise(`${i}`, count(shape)) }));
  const feeds = { features: cells.data, ...(work.guided ? { image: pixels.data } : {}) };
  const ours = (await program.run('look', feeds)).y;

  // the learned filter shares a stage with FeatUp, but not its correction
  const used = [...scope.parameters].filter(([name]) => work.upsampler !== 'jbu-learned' || !name.includes('fixup'));
  const theirs = askPeer(work.upsampler, [
    { name: 'features', ...cells },
    { name: 'image', ...pixels },
    ...used.map(([name, { shape }]) => ({ name, shape, data: bound.get(name)! })),
  ]);
  expect(theirs.shape).toEqual(y.shape);
  if (work.upsampler !== 'upsample-anything') return expectClose(theirs.data, ours, 1e-4, work.upsampler);
  // who sees whom changes in steps: the last bits of a fit decide on single pixels
  const off = ours.reduce((sum, value, i) => sum + Math.abs(value - theirs.data[i]), 0) / ours.length;
  expect(off).toBeLessThan(5e-3);
});

it.skipIf('missing' in peer)('the peer of featup-implicit computes what ours does, of the same views', async () => {
  const stride = 14;
  const size = [stride * CELLS, stride * CELLS] as const;
  const image = input('image', [1, 3, ...size], 'image');
  const features = input('features', [1, 384, CELLS, CELLS], 'clicks');
  const { views } = viewsOf([CELLS, CELLS], stride);
  const looks = input('looks', [views.length, 384, CELLS, CELLS], 'image');
  const y = featUpImplicit(features, image, size, () => looks);
  const program = await compile({ look: { y } }, { threads: 2, forGradient: false });
  const given = [features, image, looks].map(each => ({
    name: nameOf(each),
    shape: each.shape,
    data: noise(nameOf(each), count(each.shape)),
  }));
  const ours = (await program.run('look', Object.fromEntries(given.map(({ name, data }) => [name, data])))).y;

  const matrices = (['down', 'across'] as const).map((name, axis) => {
    const all = views.map(({ averaged }) => averaged[axis]!);
    const data = Float32Array.from(all.flatMap(each => [...each.data]));
    return { name, shape: [all.length, all[0].rows, all[0].cols], data };
  });
  const network = [...startValues(image)].map(([name, { shape, attributes }]) => ({
    name,
    shape,
    data: attributes.data as Float32Array,
  }));
  const theirs = askPeer('featup-implicit', [...given, ...matrices, ...network]);
  expect(theirs.shape).toEqual(y.shape);
  // ridge regressions amplify rounding
  expectClose(theirs.data, ours, 2e-3, 'featup-implicit');
});
