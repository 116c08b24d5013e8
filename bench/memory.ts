import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { findBackbone } from '../src/backbones/registry.ts';
import { UserError } from '../src/base/errors.ts';
import { clickEncoders } from '../src/clicks/encoders.ts';
import { topological } from '../src/graph/tensor.ts';
import { heads } from '../src/heads/heads.ts';
import { buildProbe, type Injection, injections, type Probe } from '../src/probe/probe.ts';
import { compileInference } from '../src/probe/programs.ts';
import { findUpsampler, upsamplers } from '../src/upsamplers/registry.ts';
import { withMirror } from './flip.ts';
import { initial, initialFilled, noise } from './initial.ts';

const USAGE = `npm run bench:memory -- [METHOD ...] [options]

What one click takes with each upsampler: a probe with the conv head and random weights, a new process for each.

  --size N        side of the image in px, brought to a multiple of the backbone's stride (default 1024)
  --backbone X    mobilesam or dinov2-s14 .. (default mobilesam)
  --injection X   ${injections.join(', ')} (default early)
  --flip          the image and its mirror image
  --memory GB     the bound on intermediate values (default 2)
  --threads N     (default: all processors)
  --json          one JSON object a line`;

interface Measured {
  method: string;
  backbone: string;
  size: number;
  flip: boolean;
  /** Nodes of the graph before passes. */
  nodes: number;
  /** Building the graph and the sessions. */
  compileSeconds: number;
  /** The first click on a picture. */
  firstSeconds: number;
  /** A click on the same picture. */
  laterSeconds: number;
  /** Resident when the program is compiled, and the peak of both clicks (beside Linux: of the compilation too), MiB. */
  baselineMb: number;
  peakMb: number;
}

const options = {
  size: { type: 'string', default: '1024' },
  backbone: { type: 'string', default: 'mobilesam' },
  injection: { type: 'string', default: 'early' },
  flip: { type: 'boolean', default: false },
  memory: { type: 'string', default: '2' },
  threads: { type: 'string' },
  json: { type: 'boolean', default: false },
  here: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const { values, positionals } = parseArgs({ options, allowPositionals: true });

/** @throws UserError where it is no number above 0 */
function positive(name: 'size' | 'memory' | 'threads', text: string): number {
  const number = Number(text);
  if (number > 0) return number;
  throw new UserError(`--${name} ${text}: expected a number above 0`);
}

/** Measures one method in this process. */
async function measureHere(method: string): Promise<Measured> {
  const backbone = findBackbone(values.backbone);
  const size = Math.floor(positive('size', values.size) / backbone.stride) * backbone.stride;
  const memory = 1e9 * positive('memory', values.memory);
  const injection = values.injection as Injection;
  if (!injections.includes(injection)) throw new UserError(`--injection ${injection}: one of ${injections.join(', ')}`);
  const start = performance.now();
  const probe: Probe = {
    backbone,
    upsampler: findUpsampler(method),
    head: heads.find(({ name }) => name === 'conv')!,
    headWidth: backbone.channels,
    clickEncoder: clickEncoders.find(({ name }) => name === 'patch-embed')!,
    injection,
    memory,
  };
  const graph = buildProbe(probe, values.flip ? 2 : 1, [size, size]);
  const threads = values.threads === undefined ? {} : { threads: positive('threads', values.threads) };
  const weights = [initialFilled(graph.frozen), initial(graph.trained)] as const;
  const program = await compileInference(graph, ...weights, { ...threads, memory });
  const compiled = performance.now();
  forgetPeak();
  const baselineMb = process.memoryUsage().rss / 2 ** 20;
  const both = (planes: Float32Array) => (values.flip ? withMirror(planes, size) : planes);
  const feeds = { image: both(noise('image', 3 * size * size)), clicks: both(noise('clicks', 3 * size * size)) };
  const timed = async (given: Record<string, Float32Array>) => {
    const from = performance.now();
    const { logits } = await program.run('predict', given);
    if (!logits.every(Number.isFinite)) throw new Error(`${method}: the result is not finite`);
    return (performance.now() - from) / 1000;
  };
  const firstSeconds = await timed(feeds);
  const laterSeconds = await timed({ clicks: feeds.clicks });
  return {
    method,
    backbone: backbone.name,
    size,
    flip: values.flip,
    nodes: topological([graph.logits]).length,
    compileSeconds: (compiled - start) / 1000,
    firstSeconds,
    laterSeconds,
    baselineMb,
    peakMb: peakMb(),
  };
}

/** Linux: the peak is counted anew from here, as that of the compilation is not one of the click. */
function forgetPeak(): void {
  if (process.platform === 'linux') writeFileSync('/proc/self/clear_refs', '5');
}

function peakMb(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS / 1024;
  return Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024;
}

const execute = promisify(execFile);

/** Measures one method in a process of its own. */
async function measured(method: string): Promise<Measured> {
  const own = fileURLToPath(import.meta.url);
  const given = process.argv.slice(2).filter(arg => !positionals.includes(arg) || arg === values.backbone);
  const { stdout } = await execute(process.execPath, [own, '--here', ...given, '--', method], { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

const line = (cells: readonly (string | number)[]): string =>
  cells.map((cell, i) => (i === 0 ? String(cell).padEnd(18) : String(cell).padStart(10))).join('');

async function main(): Promise<void> {
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const methods = positionals.length > 0 ? positionals : upsamplers.map(({ name }) => name);
  for (const method of methods) findUpsampler(method);
  if (values.here) {
    console.log(JSON.stringify(await measureHere(methods[0])));
    return;
  }
  if (!values.json) console.log(line(['method', 'MB', 'first s', 'later s', 'compile s', 'nodes']));
  for (const method of methods) {
    const found = await measured(method).catch((error: Error & { stderr?: string; signal?: string }) => {
      console.error(
        `${method}: ${(error.stderr ?? error.message).trim().split('\n').slice(-3).join(' ')} ${error.signal ?? ''}`,
      );
    });
    if (!found) process.exitCode = 1;
    else if (values.json) console.log(JSON.stringify(found));
    else {
      const { peakMb: peak, baselineMb, firstSeconds, laterSeconds, compileSeconds, nodes } = found;
      const seconds = [firstSeconds, laterSeconds, compileSeconds].map(s => s.toFixed(1));
      console.log(line([method, Math.round(peak - baselineMb), ...seconds, nodes]));
    }
  }
}

await main().catch((error: unknown) => {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
});
