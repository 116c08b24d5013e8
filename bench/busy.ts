import { cpus } from 'node:os';
import { setTimeout } from 'node:timers/promises';

/** The share of the processors' time, 0..1, that other work takes while this process sleeps. */
export async function busyShare(milliseconds: number): Promise<number> {
  const before = processorTimes();
  await setTimeout(milliseconds);
  const after = processorTimes();
  const all = after.all - before.all;
  return all > 0 ? (after.busy - before.busy) / all : 0;
}

/** Since the machine was started, in milliseconds over all processors. */
function processorTimes(): { busy: number; all: number } {
  const times = cpus().map(cpu => cpu.times);
  const all = times.reduce((total, t) => total + t.user + t.nice + t.sys + t.idle + t.irq, 0);
  const idle = times.reduce((total, t) => total + t.idle, 0);
  return { busy: all - idle, all };
}
