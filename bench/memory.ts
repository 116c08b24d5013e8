import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Command, Option } from 'commander';
import { findBackbone } from '../src/backbones/registry.ts';
import { clickEncoders } from '../src/clicks/encoders.ts';
import { topological } from '../src/graph/tensor.ts';
import { heads } from '../src/heads/heads.ts';
import { buildProbe, type Injection, injections, type Probe, type ProbeGraph } from '../src/probe/probe.ts';
import { compilePredictor } from '../src/probe/programs.ts';
import { findUpsampler, upsamplers } from '../src/upsamplers/registry.ts';
import { withMirror } from './flip.ts';
import { initial, initialFilled, noise } from './initial.ts';
import { above0, positive, runCommand } from './options.ts';

const SCRIPT = fileURLToPath(import.meta.url);

interface Options {
  size: number;
  backbone: string;
  injection: Injection;
  flip?: true;
  /** GB. */
  memory: number;
  threads?: number;
  json?: true;
}

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

/** Measures one method in this process. */
async function measureHere(method: string, given: Options): Promise<Measured> {
  const { flip = false, injection, threads } = given;
  const backbone = findBackbone(given.backbone);
  const size = Math.floor(given.size / backbone.stride) * backbone.stride;
  const memory = 1e9 * given.memory;
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
  const graph = buildProbe(probe, 1, [size, size]);
  const batch = flip ? 2 : 1;
  const frozen = (each: ProbeGraph) => initialFilled(each.frozen);
  const options = { ...(threads && { threads }), memory };
  const program = await compilePredictor(probe, batch, [size, size], frozen, initial(graph.trained), options);
  const compiled = performance.now();
  forgetPeak();
  const baselineMb = process.memoryUsage().rss / 2 ** 20;
  const both = (planes: Float32Array) => (flip ? withMirror(planes, size) : planes);
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
    flip,
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
async function measured(method: string, options: Options): Promise<Measured> {
  const given = Object.entries(options).flatMap(([name, value]) =>
    name === 'json' ? [] : value === true ? [`--${name}`] : [`--${name}`, `${value}`],
  );
  const { stdout } = await execute(process.execPath, [SCRIPT, 'here', method, ...given], { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

const line = (cells: readonly (string | number)[]): string =>
  cells.map((cell, i) => (i === 0 ? String(cell).padEnd(18) : String(cell).padStart(10))).join('');

async function main(names: readonly string[], options: Options): Promise<void> {
  const methods = names.length > 0 ? names : upsamplers.map(({ name }) => name);
  for (const method of methods) findUpsampler(method);
  findBackbone(options.backbone);
  if (!options.json) console.log(line(['method', 'MB', 'first s', 'later s', 'compile s', 'nodes']));
  for (const method of methods) {
    const found = await measured(method, options).catch((error: Error & { stderr?: string; signal?: string }) => {
      console.error(
        `${method}: ${(error.stderr ?? error.message).trim().split('\n').slice(-3).join(' ')} ${error.signal ?? ''}`,
      );
    });
    if (!found) process.exitCode = 1;
    else if (options.json) console.log(JSON.stringify(found));
    else {
      const { peakMb: peak, baselineMb, firstSeconds, laterSeconds, compileSeconds, nodes } = found;
      const seconds = [firstSeconds, laterSeconds, compileSeconds].map(s => s.toFixed(1));
      console.log(line([method, Math.round(peak - baselineMb), ...seconds, nodes]));
    }
  }
}

function cli(): Command {
  const own = (command: Command) =>
    command
      .option(
        '--size <px>',
        'side of the image, brought to a multiple of the backbone’s stride',
        positive('--size'),
        1024,
      )
      .option('--backbone <name>', 'mobilesam, dinov2-s14 ..', 'mobilesam')
      .addOption(new Option('--injection <where>', 'where clicks enter').choices(injections).default('early'))
      .option('--flip', 'the image and its mirror image')
      .option('--memory <GB>', 'the bound on intermediate values', above0('--memory'), 2)
      .option('--threads <n>', 'processor threads (default: all)', positive('--threads'));

  const program = own(
    new Command('npm run bench:memory --')
      .description(
        'What one click takes with each upsampler: a probe with the conv head and random weights, a new process for each.',
      )
      .argument('[method...]', 'upsamplers (default: all)'),
  )
    .option('--json', 'print one JSON object a line instead of the table')
    .usage('[options] [method...]')
    .helpCommand(false)
    .enablePositionalOptions()
    .action(main);
  own(program.command('here <method>', { hidden: true })).action(async (method: string, options: Options) =>
    console.log(JSON.stringify(await measureHere(method, options))),
  );
  return program;
}

await runCommand(cli());
