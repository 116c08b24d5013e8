import { expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { evaluate } from '../../test/support/run.ts';
import { input } from '../graph/tensor.ts';
import { geluTanh } from './activations.ts';

it('geluTanh is the tanh form of GELU', async () => {
  const x = Float32Array.from({ length: 81 }, (_, i) => i / 5 - 8);
  const { y } = await evaluate({ y: geluTanh(input('x', [81], 'image')) }, { x });
  const expected = x.map(v => (v / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))));
  expectClose(y, expected, 1e-6, 'geluTanh');
  expect(Math.max(...y.map((v, i) => Math.abs(v - Math.max(0, x[i]))))).toBeGreaterThan(0.1);
});
