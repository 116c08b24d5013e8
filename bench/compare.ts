import { median, type Sample } from './sample.ts';

/** One line of the result, as `--json` prints it. The fields of torch are null where there was no peer. */
export interface Comparison {
  what: string;
  ours_s: number;
  torch_s: number | null;
  /** torch_s / ours_s: above 1, ours is the faster. */
  ratio: number | null;
  ours_peak_mb: number;
  torch_peak_mb: number | null;
}

interface Sides {
  ours: () => Promise<Sample>;
  /** Null where there is no peer. */
  torch: (() => Promise<Sample>) | null;
  /** Told of every process that is done. */
  progress: (message: string) => void;
}

/**
 * Lets both sides do a workload in turn, so that whatever drifts (temperature, neighbours) hits both. Where the peer
 * fails, it is said through `progress` and its fields are null.
 */
export async function compare(what: string, rounds: number, { ours, torch, progress }: Sides): Promise<Comparison> {
  const [mine, theirs]: [Sample[], Sample[]] = [[], []];
  let peer = torch;
  for (let round = 1; round <= rounds; round++) {
    const at = `${what}, round ${round} of ${rounds}`;
    mine.push(await ours());
    progress(`${at}: ours ${mine.at(-1)!.seconds.toFixed(3)} s`);
    if (!peer) continue;
    try {
      theirs.push(await peer());
      progress(`${at}: torch ${theirs.at(-1)!.seconds.toFixed(3)} s`);
    } catch (error) {
      // half of its rounds would be no fair comparison
      peer = null;
      theirs.length = 0;
      progress(`${at}: THE PEER FAILED, only our time is given. It said:\n${(error as Error).message}`);
    }
  }
  return summarise(what, mine, theirs);
}

/**
 * The workloads one after the other. One that fails on our side does not take with it what the others measured.
 *
 * @param done told of every comparison that is complete
 * @returns the names of those that failed, each of which was said through `progress`
 */
export async function compareAll(
  names: readonly string[],
  rounds: number,
  sides: (name: string) => Sides,
  done: (result: Comparison) => void,
): Promise<string[]> {
  const failed: string[] = [];
  for (const name of names) {
    const given = sides(name);
    try {
      done(await compare(name, rounds, given));
    } catch (error) {
      failed.push(name);
      given.progress(`${name}: FAILED, it has no line in the result. It said:\n${(error as Error).message}`);
    }
  }
  return failed;
}

/** Medians of the rounds' medians, the largest peaks. */
export function summarise(what: string, ours: readonly Sample[], torch: readonly Sample[]): Comparison {
  const seconds = (samples: readonly Sample[]) => round(median(samples.map(s => s.seconds)), 5);
  const peak = (samples: readonly Sample[]) => Math.max(...samples.map(s => s.peakMb));
  const ours_s = seconds(ours);
  const torch_s = torch.length > 0 ? seconds(torch) : null;
  return {
    what,
    ours_s,
    torch_s,
    ratio: torch_s === null ? null : round(torch_s / ours_s, 3),
    ours_peak_mb: peak(ours),
    torch_peak_mb: torch.length > 0 ? peak(torch) : null,
  };
}

const round = (value: number, decimals: number) => Number(value.toFixed(decimals));

/** The comparisons as a table of plain text. */
export function table(comparisons: readonly Comparison[]): string {
  const number = (value: number | null, decimals: number) => (value === null ? '–' : value.toFixed(decimals));
  const rows = [
    ['workload', 'ours s', 'torch s', 'ratio', 'ours MB', 'torch MB'],
    ...comparisons.map(c => [
      c.what,
      number(c.ours_s, 3),
      number(c.torch_s, 3),
      number(c.ratio, 2),
      number(c.ours_peak_mb, 0),
      number(c.torch_peak_mb, 0),
    ]),
  ];
  const widths = rows[0].map((_, i) => Math.max(...rows.map(row => row[i].length)));
  const pad = (cell: string, i: number) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
  return rows.map(row => row.map(pad).join('  ')).join('\n');
}
