import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { evaluate, uniform } from '../../test/support/run.ts';
import { sources, type Tensor } from '../graph/tensor.ts';
import { adapted, type Lora, qkvUpdate } from './lora.ts';
import { Scope } from './scope.ts';

const qv: Lora = { projections: ['q', 'v'], rank: 2, alpha: 1 };

/** The value of a tensor; parameters by name, zeros where none is given. */
async function computed(y: Tensor, values: Record<string, Float32Array>): Promise<Float32Array> {
  const feeds = Object.fromEntries(
    sources([y]).map(({ attributes, shape }) => {
      const name = attributes.name as string;
      return [name, values[name] ?? new Float32Array(shape.reduce((n, size) => n * size, 1))];
    }),
  );
  return (await evaluate({ y }, feeds)).y;
}

describe('qkvUpdate', () => {
  it('is alpha / rank times B A, below one another, and nothing for what is not adapted', async () => {
    const update = qkvUpdate([6, 3], Scope.trained('t'), { ...qv, alpha: 4 });
    const found = await computed(update, {
      // rows 0 and 1 are those of q, rows 2 and 3 those of v
      't.lora_A': Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1),
      't.lora_B': Float32Array.of(1, 0, 0, 1, 1, 0, 0, 2),
    });
    // biome-ignore format: a matrix
    expect([...found]).toEqual([
      2, 0, 0,
      0, 2, 0,
      0, 0, 0,
      0, 0, 0,
      0, 0, 2,
      4, 4, 4,
    ]);
  });

  it('keeps the heads together where the layout does', async () => {
    const [heads, d, size] = [3, 2, 5];
    const channels = heads * d;
    const lora: Lora = { projections: ['q', 'k'], rank: 4, alpha: 1 };
    const values = { 't.lora_A': uniform([8, size], -1, 1, 'A'), 't.lora_B': uniform([2 * channels, 4], -1, 1, 'B') };
    const plain = await computed(qkvUpdate([3 * channels, size], Scope.trained('t'), lora), values);
    const byHead = await computed(
      qkvUpdate([3 * channels, size], Scope.trained('t'), lora, { headChannels: d }),
      values,
    );
    for (let part = 0; part < 3; part++) {
      for (let head = 0; head < heads; head++) {
        for (let i = 0; i < d; i++) {
          const from = part * channels + head * d + i;
          const to = (head * 3 + part) * d + i;
          const row = (data: Float32Array, at: number) => [...data.subarray(at * size, (at + 1) * size)];
          expect(row(byHead, to)).toEqual(row(plain, from));
        }
      }
    }
    expect(plain.some(value => value !== 0)).toBe(true);
  });
});

describe('adapted', () => {
  it('changes attention weights alone, and these not at first', async () => {
    const frozen = Scope.frozen('f');
    const trained = Scope.trained('t');
    const scope = adapted(frozen, trained, qv).at('blocks.0');
    const other = scope.at('mlp').get('weight', [6, 2]);
    const weight = scope.at('attn.qkv').get('weight', [6, 2]);
    expect(other).toBe(frozen.at('blocks.0.mlp').get('weight', [6, 2]));
    expect([...frozen.parameters.keys()]).toEqual(['f.blocks.0.mlp.weight', 'f.blocks.0.attn.qkv.weight']);
    expect([...trained.parameters].map(([name, { shape }]) => [name, ...shape])).toEqual([
      ['t.blocks.0.attn.qkv.lora_A', 4, 2],
      ['t.blocks.0.attn.qkv.lora_B', 4, 2],
    ]);
    const stored = uniform([6, 2], -1, 1, 'w');
    const values = {
      'f.blocks.0.attn.qkv.weight': stored,
      't.blocks.0.attn.qkv.lora_A': uniform([4, 2], -1, 1, 'a'),
    };
    expectClose(await computed(weight, values), stored, 0, 'with B = 0');
    const b = { 't.blocks.0.attn.qkv.lora_B': uniform([4, 2], -1, 1, 'b') };
    const moved = await computed(weight, { ...values, ...b });
    expect([...moved.subarray(4, 8)]).toEqual([...stored.subarray(4, 8)]);
    expect(moved.subarray(0, 4)).not.toEqual(stored.subarray(0, 4));
  });
});
