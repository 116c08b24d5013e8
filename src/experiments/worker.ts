import { type BenchRequest, bench } from './bench.ts';
import type { RunEvent } from './events.ts';
import { RunFolder } from './run-folder.ts';
import { serve } from './thread.ts';

export interface WorkerRequest extends BenchRequest {
  out: string;
}

await serve<WorkerRequest, RunEvent>(({ out, ...request }, control) => bench(request, new RunFolder(out), control));
