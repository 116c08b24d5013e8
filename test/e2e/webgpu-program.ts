import { writeFileSync } from 'node:fs';
import { gradient } from '../../src/graph/gradient.ts';
import { conv2d } from '../../src/graph/ops/conv.ts';
import { mul, relu } from '../../src/graph/ops/elementwise.ts';
import { resample } from '../../src/graph/ops/linear.ts';
import { mean, softmax } from '../../src/graph/ops/reduce.ts';
import { prepare } from '../../src/graph/passes/prepare.ts';
import { input } from '../../src/graph/tensor.ts';
import { compile } from '../../src/runtime/node.ts';

/**
 * A training step in small (upsampling, Winograd and direct convolutions, gradients) on one device; prints its results
 * as JSON. Run in a process of its own, as the driver is found through the environment.
 */
const device = process.argv[2] as 'cpu' | 'webgpu';
const rates = { x: 'image', w1: 'weights', w2: 'weights' } as const;
const shapes = { x: [1, 64, 5, 5], w1: [64, 64, 3, 3], w2: [4, 64, 1, 1] };
const [x, w1, w2] = (['x', 'w1', 'w2'] as const).map(name => input(name, shapes[name], rates[name]));
const spread = (rows: number, cols: number) => ({ rows, cols, data: numbers(rows * cols, 1 / cols) });
const y = conv2d(relu(conv2d(resample(x, spread(13, 5), spread(11, 5)), w1, undefined, { pads: [1, 1, 1, 1] })), w2);
const [output] = prepare([softmax(y)]);
const loss = mean(mul(output, output), [0, 1, 2, 3]);
const [dw1] = gradient(loss, [w1]);
const program = await compile({ step: { output, loss, dw1 } }, { device });
const results = await program.run('step', {
  x: numbers(64 * 25, 1),
  w1: numbers(64 * 64 * 9, 0.05),
  w2: numbers(4 * 64, 0.1),
});
const text = JSON.stringify(Object.fromEntries(Object.entries(results).map(([name, values]) => [name, [...values]])));
await program.release();
writeFileSync(1, text);

function numbers(count: number, scale: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => scale * Math.sin(1 + i * 1.7 + (i % 13)));
}
