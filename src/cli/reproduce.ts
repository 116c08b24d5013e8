import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../base/errors.ts';
import type { ReproduceEvent, ReproduceRequest } from '../experiments/reproduce/reproduce.ts';
import { type Asked, chooseSetUp } from '../experiments/reproduce/set-up.ts';
import { findTarget, targets } from '../experiments/reproduce/targets.ts';
import { runInThread } from '../experiments/thread.ts';
import { fixed, replaceControls } from '../report/format.ts';
import { downloadText } from './download-text.ts';
import { namedFiles } from './named-files.ts';
import { duration, ProgressTracker, type StatusLine } from './progress.ts';
import { STOPPING, stoppable } from './stoppable.ts';
import { textTable } from './text-table.ts';

export interface ReproduceOptions extends Omit<Asked, 'upsamplerWeights'> {
  list: boolean;
  upsamplerWeights: string[];
  out?: string;
  json: boolean;
}

/** What a run may take before another scale is advised, seconds. */
const PATIENCE = 30 * 60;

/** Runs `clickprobe reproduce`; the exit code is the command's. */
export async function reproduceCommand(
  name: string | undefined,
  { list, json, out: named, upsamplerWeights, ...rest }: ReproduceOptions,
  command: string,
): Promise<number> {
  if (list) {
    process.stdout.write(listText(json));
    return 0;
  }
  if (name === undefined) {
    throw new UserError(
      `what to reproduce? ${targets.map(target => target.name).join(', ')}; --list says what each is`,
    );
  }
  const target = findTarget(name);
  const asked: Asked = { ...rest, upsamplerWeights: namedFiles(upsamplerWeights, '--upsampler-weights') };
  const out = named ?? defaultFolder(name, asked, chooseSetUp(target, asked));
  const request: ReproduceRequest = { target: name, asked, out, command };
  return stoppable(`the same command again goes on in ${out}`, async (signal, status) => {
    signal.addEventListener('abort', () => status.print(STOPPING));
    const tracker = new ProgressTracker();
    let fetching = '';
    const ticking = setInterval(() => status.status(fetching || replaceControls(tracker.line())), 500);
    const onEvent = (event: ReproduceEvent) => {
      if (event.type === 'reproduced') {
        status.clear();
        process.stdout.write(json ? `${JSON.stringify(event.outcome)}\n` : resultText(event, out));
      } else if (event.type === 'estimate') status.print(estimateText(event));
      else {
        tracker.update(event);
        fetching = event.type === 'download' ? `${event.what}: ${downloadText(event.progress)}` : '';
        tell(event, status);
      }
    };
    const start = performance.now();
    try {
      const script = new URL('../experiments/reproduce/worker.js', import.meta.url);
      await runInThread(script, request, onEvent, signal);
    } finally {
      clearInterval(ticking);
    }
    status.print(`done in ${duration((performance.now() - start) / 1000)}`);
    return 0;
  });
}

function tell(event: Exclude<ReproduceEvent, { type: 'reproduced' | 'estimate' }>, status: StatusLine): void {
  if (event.type === 'note') status.print(event.text);
  if (event.type !== 'row') return;
  const { upsampler, dataset, noc90, iou1 } = event.row;
  status.print(`${upsampler} on ${dataset}: NoC90 ${fixed(noc90, 2)}, IoU@1 ${fixed(100 * iou1, 1)} %`);
}

function estimateText({ seconds, scale }: Extract<ReproduceEvent, { type: 'estimate' }>): string {
  const text = `at scale ${scale} this takes at most about ${duration(seconds)}`;
  if (seconds <= PATIENCE) return text;
  return `${text}; a smaller --scale, or fewer --upsamplers or test images (--set evaluation.limit=N), takes less`;
}

function resultText({ table, figures, report }: Extract<ReproduceEvent, { type: 'reproduced' }>, out: string): string {
  const pictures = figures.length > 0 ? `figures: ${figures.join(', ')}\n` : '';
  return `${table}\n${pictures}report: ${pathToFileURL(report).href}\nruns:   ${out}\n`;
}

/** The same for the same request: the command goes on there. */
function defaultFolder(name: string, { threads: _, ...asked }: Asked, setUp: object): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([asked, setUp]))
    .digest('hex')
    .slice(0, 8);
  return join('runs', `${name}-${hash}`);
}

function listText(json: boolean): string {
  if (json) {
    const entries = targets.map(({ name, title, source, backbone, sets, scale, variants }) => ({
      ...{ name, title, source, backbone, sets, scale },
      variants: variants.map(variant => ({ name: variant.name, upsamplers: variant.upsamplers })),
    }));
    return `${JSON.stringify(entries)}\n`;
  }
  const rows = targets.map(({ name, title, variants, scale }) => {
    const probes = variants.reduce((sum, { upsamplers }) => sum + upsamplers.length, 0);
    return [name, title, String(probes), String(scale)];
  });
  return `${textTable([['target', 'what', 'probes', 'default scale'], ...rows])}\n`;
}
