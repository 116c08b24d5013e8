import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { RunFolder } from '../experiments/run-folder.ts';
import { type UpsamplerBackboneOptions, upsamplerBackbone } from '../experiments/upsampler-backbone.ts';
import { ownVersion, versions } from '../experiments/versions.ts';
import type { CompileOptions } from '../runtime/program.ts';
import { findMethod } from '../upsampler-training/methods.ts';
import { runFiles } from '../upsampler-training/run-files.ts';
import type { ScoreRow } from '../upsampler-training/score.ts';
import { scoreFile, trainUpsampler } from '../upsampler-training/train.ts';
import { findUpsampler } from '../upsamplers/registry.ts';
import { weightsHash } from '../weights/hash.ts';
import { duration, type StatusLine } from './progress.ts';
import { stoppable } from './stoppable.ts';
import { textTable } from './text-table.ts';

interface CommonOptions extends UpsamplerBackboneOptions {
  images: string;
  seed: number;
  heldOut: number;
  heldOutShare: number;
  device: string;
  json: boolean;
}

export interface UpsamplerTrainOptions extends CommonOptions {
  out?: string;
  steps: number;
  minutes?: number;
  batch?: number;
  learningRate?: number;
  stage: number;
  from?: string;
}

/** Side that files are scored at where none is given: most methods are trained at it. */
const SCORED = 224;

/** Seconds between checkpoints. */
const CHECKPOINT = 60;

/** Runs `clickprobe upsampler train`; the exit code is the command's. */
export async function upsamplerTrainCommand(
  name: string,
  options: UpsamplerTrainOptions,
  command: string,
): Promise<number> {
  const method = findMethod(name, options.stage);
  const share = shareOf(options);
  const program = programOf(options);
  const notes: string[] = [];
  const { backbone, weights, size, onnx } = await upsamplerBackbone(options, method.defaults.size, note =>
    notes.push(note),
  );
  const { batch = method.defaults.batch } = options;
  const config = {
    upsampler: method.upsampler,
    stage: method.stage,
    backbone: onnx ? options.backbone : backbone.name,
    ...(onnx && { onnx }),
    weights: options.weights ?? null,
    images: options.images,
    size,
    batch,
    seed: options.seed,
    learningRate: options.learningRate ?? method.optimiser.rate,
    from: options.from ?? null,
    heldOutShare: share,
  };
  const stage = method.stage > 1 ? `-stage${method.stage}` : '';
  const root = options.out ?? join('runs', `${method.upsampler}${stage}-${backbone.name.replaceAll('@', '-')}`);
  const folder = new RunFolder(root);
  const lock = folder.lock();
  try {
    return await stoppable(`the same command goes on${options.out ? '' : ` in ${root}`}`, async (signal, status) => {
      for (const note of notes) status.print(note);
      const progress = new StepProgress(status, options.steps, (options.minutes ?? Number.POSITIVE_INFINITY) * 60);
      const result = await trainUpsampler(method, backbone, weights, config, {
        root,
        steps: options.steps,
        seconds: (options.minutes ?? Number.POSITIVE_INFINITY) * 60,
        checkpointSeconds: CHECKPOINT,
        heldOut: options.heldOut,
        version: ownVersion(),
        environment: { versions: versions(), command, backbone: { name: backbone.name, sha256: weightsHash(weights) } },
        program,
        signal,
        onStep: (done, report) => progress.step(done, report?.loss),
        onScore: (done, all) => status.status(`scoring on held-out images: ${done}/${all}`),
        onNote: text => status.print(text),
      });
      status.clear();
      if (!result.complete) {
        status.print(`${result.steps} of ${options.steps} steps in the time given; the same command goes on`);
      }
      const file = runFiles(root).upsampler;
      if (options.json) process.stdout.write(`${JSON.stringify({ ...result, file })}\n`);
      else process.stdout.write(`${scoreTable(result.rows)}\n\nfile: ${file}\nrun:  ${root}\n`);
      return 0;
    });
  } finally {
    lock.release();
  }
}

/** Runs `clickprobe upsampler score`; the exit code is the command's. */
export async function upsamplerScoreCommand(name: string, file: string, options: CommonOptions): Promise<number> {
  const upsampler = findUpsampler(name);
  if (!upsampler.learned) throw new UserError(`the upsampler ${name} is not learned: there is no file to score`);
  const share = shareOf(options);
  const program = programOf(options);
  const notes: string[] = [];
  const { backbone, weights, size } = await upsamplerBackbone(options, SCORED, note => notes.push(note));
  const config = { images: options.images, size, seed: options.seed, heldOutShare: share };
  return stoppable('nothing was changed', async (signal, status) => {
    for (const note of notes) status.print(note);
    const rows = await scoreFile(file, upsampler, backbone, weights, config, {
      heldOut: options.heldOut,
      program,
      signal,
      onScore: (done, all) => status.status(`scoring on held-out images: ${done}/${all}`),
      onNote: text => status.print(text),
    });
    status.clear();
    if (options.json)
      process.stdout.write(`${JSON.stringify({ upsampler: name, backbone: backbone.name, file, size, rows })}\n`);
    else process.stdout.write(`${scoreTable(rows)}\n`);
    return 0;
  });
}

function shareOf({ heldOutShare }: CommonOptions): number {
  if (heldOutShare < 1) return heldOutShare;
  throw new UserError(`--held-out-share ${heldOutShare}: expected a share of the images below 1, such as .05`);
}

function programOf({ device, threads }: CommonOptions): CompileOptions {
  if (device !== 'cpu' && device !== 'webgpu') {
    throw new UserError(`--device ${device}: expected cpu or webgpu`);
  }
  return { device, ...(threads === undefined ? {} : { threads }) };
}

/** Where training is, how it does, and how long it will still take. */
class StepProgress {
  private first = 0;
  private readonly start = performance.now();
  private smooth: number | null = null;

  constructor(
    private readonly status: StatusLine,
    private readonly steps: number,
    /** At most. */
    private readonly seconds: number,
  ) {}

  step(done: number, loss?: number): void {
    if (loss === undefined) {
      this.first = done;
      if (done < this.steps) this.status.status(`preparing, ${done}/${this.steps} steps done`);
      return;
    }
    this.smooth = this.smooth === null ? loss : 0.95 * this.smooth + 0.05 * loss;
    const passed = (performance.now() - this.start) / 1000;
    const left = Math.min((passed / (done - this.first)) * (this.steps - done), Math.max(0, this.seconds - passed));
    this.status.status(`step ${done}/${this.steps}  |  loss ${this.smooth.toFixed(4)}  |  ${duration(left)} left`);
  }
}

/** One line an upsampler, cosine and MSE at every ratio. */
function scoreTable(rows: readonly ScoreRow[]): string {
  const ratios = [...new Set(rows.map(({ ratio }) => ratio))];
  const names = [...new Set(rows.map(({ upsampler }) => upsampler))];
  const head = ['upsampler', ...ratios.flatMap(ratio => [`cosine x${ratio}`, `MSE x${ratio}`])];
  const lines = names.map(name => [
    name,
    ...ratios.flatMap(ratio => {
      const row = rows.find(each => each.upsampler === name && each.ratio === ratio);
      return row ? [row.cosine.toFixed(4), row.mse.toFixed(4)] : ['-', '-'];
    }),
  ]);
  return `${textTable([head, ...lines])}\n(${rows[0].images} held-out images)`;
}
