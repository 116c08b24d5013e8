import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { busyShare } from './busy.ts';
import { type catalogue, findWorkloads, groups, type PeerScript } from './catalogue.ts';
import { type Comparison, compareAll, table } from './compare.ts';
import { positive, runCommand } from './options.ts';
import { findPeer, installPeer } from './peer.ts';
import { sample } from './sample.ts';

const SCRIPT = fileURLToPath(import.meta.url);
/** Seen from dist/bench, where this runs. */
const PEERS: Readonly<Record<PeerScript, string>> = {
  probe: fileURLToPath(new URL('../../../shared/peers/torch_probe.py', import.meta.url)),
  features: fileURLToPath(new URL('../../bench/peers/torch_features.py', import.meta.url)),
};
const SIZE = 224;

interface Options {
  rounds: number;
  runs: number;
  threads: number;
  size: number;
  json?: true;
  /** False: without. */
  peer: string | false | undefined;
  python?: string;
}

type OwnOptions = Pick<Options, 'runs' | 'threads' | 'size'>;

const say = (message: string) => void process.stderr.write(`${message}\n`);

async function main(names: readonly string[], options: Options): Promise<void> {
  const chosen = new Set((names.length > 0 ? names : ['probe']).flatMap(findWorkloads));
  const peers = new Map([...new Set([...chosen].map(({ script }) => script))].map(s => [s, peerOf(options, s)]));
  const { rounds, runs, threads, size } = options;
  const common = ['--runs', `${runs}`, '--threads', `${threads}`, '--size', `${size}`];
  const works = new Map([...chosen].map(work => [work.name, work]));
  const results: Comparison[] = [];
  const failed = await compareAll(
    [...works.keys()],
    rounds,
    name => {
      const { script, peer: args } = works.get(name)!;
      const peer = peers.get(script);
      return {
        ours: async () => {
          await warnWhereBusy();
          return sample(process.execPath, [SCRIPT, 'ours', name, ...common]);
        },
        torch: peer ? () => sample(peer.python, [peer.script, ...args, ...common], peer.env) : null,
        progress: say,
      };
    },
    result => {
      if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
      results.push(result);
    },
  );
  if (!options.json && results.length > 0) {
    process.stdout.write(`${table(results)}\nratio = torch s / ours s: above 1, ours is the faster\n`);
  }
  if (failed.length === 0) return;
  say(`FAILED: ${failed.join(', ')}`);
  process.exitCode = 1;
}

function peerOf({ peer: script, python }: Options, which: PeerScript) {
  if (script === false) return null;
  const found = findPeer({ script, defaultScript: PEERS[which], python });
  if (!('missing' in found)) return found;
  say(`NO PEER, only our times are given: ${found.missing}`);
  return null;
}

async function warnWhereBusy(): Promise<void> {
  const share = await busyShare(500);
  if (share < 0.1) return;
  say(
    `THE MACHINE IS BUSY: other work takes ${Math.round(100 * share)} % of it. Ratios from now are not to be quoted.`,
  );
}

async function ours(name: string, { runs, threads, size }: OwnOptions): Promise<void> {
  // loaded here, so that the process that only waits stays small
  const { measureHere } = await import('./ours.ts');
  const line = await measureHere(findWorkloads(name)[0].name, runs, { threads, size });
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function cli(): Command {
  const own = (command: Command) =>
    command
      .option('--runs <n>', 'runs on the clock in each process, after the warm-up', positive('--runs'), 3)
      .option('--threads <n>', 'threads of either side', positive('--threads'), availableParallelism())
      // for quick tests; the peer's head always has the size that belongs to 224
      .addOption(new Option('--size <pixels>').argParser(positive('--size')).default(SIZE).hideHelp());

  const program = own(
    new Command('npm run bench:speed --')
      .description('Measures clickprobe against PyTorch: the same work, on this machine, in this run, side by side.')
      .argument(
        '[workload...]',
        `names as below, or ${Object.keys(groups).join(' | ')} for all of a group (default: probe)`,
      )
      .option('--rounds <n>', 'how often the sides take turns, each time in a new process', positive('--rounds'), 3),
  )
    .option('--json', 'print one JSON object a line instead of the table')
    .option(
      '--peer <file>',
      'script of the other side (default: ../shared/peers/torch_probe.py, of the groups backbones and upsamplers bench/peers/torch_features.py)',
    )
    .option('--no-peer', 'measure ours alone')
    .option('--python <file>', 'what runs the peer (default: the first of /usr/bin/python3, python3 that has torch)')
    .usage('[options] [workload...]')
    .addHelpText('after', help)
    .helpCommand(false)
    .enablePositionalOptions()
    .action(main);
  own(program.command('ours <workload>', { hidden: true })).action(ours);
  return program;
}

const line = ({ name, description }: (typeof catalogue)[number] | { name: string; description: string }) =>
  `  ${name.padEnd(20)} ${description}`;

const help = `
${Object.entries(groups)
  .map(([title, { workloads }]) => `${title}:\n${workloads.map(line).join('\n')}`)
  .join('\n')}

Results go to stdout, all else to stderr. Without a peer only our times are given.
${installPeer}

Examples:
  npm run build && npm run bench:speed
  npm run bench:speed -- head train --rounds 5
  npm run bench:speed -- backbones --rounds 1
  npm run --silent bench:speed -- click --json > click.jsonl
  npm run bench:speed -- later-click --no-peer --threads 1`;

await runCommand(cli());
