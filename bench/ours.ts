import { median } from './sample.ts';
import { type WorkloadOptions, workloads } from './workloads.ts';

/** The line that a measured process of ours prints: the peer's fields. */
interface Measurement {
  what: string;
  median_s: number;
  min_s: number;
  runs: number;
  peak_rss_mb: number;
}

/**
 * Measures one workload in this process: one run to warm up, as the peer does, then `runs` on the clock.
 *
 * @throws Error where a result is not finite: then it was not the work that was timed.
 */
export async function measureHere(what: string, runs: number, options: WorkloadOptions): Promise<Measurement> {
  const step = await workloads[what](options);
  const timed = async () => {
    const start = performance.now();
    const result = await step();
    const seconds = (performance.now() - start) / 1000;
    if (!result.every(Number.isFinite)) throw new Error(`${what}: the result is not finite`);
    return seconds;
  };
  await timed();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) times.push(await timed());
  return {
    what,
    median_s: median(times),
    min_s: Math.min(...times),
    runs,
    peak_rss_mb: Math.floor(process.resourceUsage().maxRSS / 1024),
  };
}
