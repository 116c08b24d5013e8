import { expect, it } from 'vitest';
import type { Program } from '../runtime/program.ts';
import { GranularSession, withGranularity } from './granular-session.ts';
import { probeClickModel } from './probe-model.ts';

const image = { width: 4, height: 4, data: new Uint8Array(48) };

it('gives every click the granularity of its session, over sessions that share a model', async () => {
  const rows: Float32Array[] = [];
  const program: Program = {
    async run(_, feeds) {
      rows.push(feeds.granularity.slice());
      return { logits: new Float32Array(32) };
    },
    release: async () => undefined,
  };
  const input = { row: 0 };
  const model = probeClickModel(withGranularity(program, input, 2));
  const options = { zoomIn: null, flip: true };
  const [a, b] = [0, 1].map(() => new GranularSession(model, image, options, input));
  a.granularity = 0.3;
  const click = { x: 1, y: 1, positive: true };
  await a.click(click);
  await b.click(click);
  await a.click(click);
  expect(rows.map(row => [...row])).toEqual([
    [2, 2],
    [9, 9],
    [2, 2],
  ]);
});
