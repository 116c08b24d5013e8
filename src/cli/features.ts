import { UserError } from '../base/errors.ts';
import { rawFormats } from '../experiments/feature-files.ts';
import type { FeaturesEvent, FeaturesRequest, PictureFiles } from '../experiments/features.ts';
import { runInThread } from '../experiments/thread.ts';
import type { BackboneOptions } from '../experiments/upsampler-backbone.ts';
import { replaceControls } from '../report/format.ts';
import { duration } from './progress.ts';
import { stoppable } from './stoppable.ts';

export interface FeaturesOptions extends BackboneOptions {
  upsampler: string[];
  size: number;
  similarity: string[];
  raw?: string;
  out: string;
  ownBasis: boolean;
  overwrite: boolean;
  upsamplerWeights: string[];
  device?: 'cpu' | 'webgpu';
  json: boolean;
}

/** Runs `clickprobe features`; the exit code is the command's. */
export async function featuresCommand(images: string[], options: FeaturesOptions): Promise<number> {
  const { upsampler, similarity, upsamplerWeights, raw, json, ...rest } = options;
  const format = rawFormats.find(each => each === raw);
  if (raw !== undefined && !format) throw new UserError(`--raw ${raw}: expected ${rawFormats.join(' or ')}`);
  const request: FeaturesRequest = {
    ...rest,
    images,
    upsamplers: upsampler,
    points: similarity.map(parsePoint),
    upsamplerWeights: Object.fromEntries(upsamplerWeights.map(parseFile)),
    ...(format && { raw: format }),
  };
  return stoppable(`what is finished stays in ${options.out}`, async (signal, status) => {
    signal.addEventListener('abort', () =>
      status.print('stopping after the current step (Ctrl-C again to stop at once)'),
    );
    const start = performance.now();
    let line = 'preparing';
    const ticking = setInterval(() => status.status(line), 500);
    const onEvent = (event: FeaturesEvent) => {
      if (event.type === 'note') status.print(event.text);
      else if (event.type === 'progress') line = progressText(event, (performance.now() - start) / 1000);
      else {
        status.clear();
        process.stdout.write(json ? `${JSON.stringify(event.files)}\n` : filesText(event.files));
      }
    };
    try {
      await runInThread(new URL('../experiments/features-worker.js', import.meta.url), request, onEvent, signal);
    } finally {
      clearInterval(ticking);
    }
    return 0;
  });
}

function parsePoint(text: string): { x: number; y: number } {
  const [, x, y] = /^(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)$/.exec(text.trim()) ?? [];
  if (y === undefined) {
    throw new UserError(`--similarity ${text}: expected x,y in pixels of the image, such as --similarity 120,80`);
  }
  return { x: Number(x), y: Number(y) };
}

function parseFile(text: string): [name: string, file: string] {
  const [, name, file] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (file === undefined) {
    throw new UserError(`--upsampler-weights ${text}: expected NAME=FILE, such as anyup=anyup.pth`);
  }
  return [name, file];
}

function progressText({ done, total, detail }: FeaturesEvent & { type: 'progress' }, seconds: number): string {
  const left = done === 0 ? '' : `  |  ${duration((seconds / done) * (total - done))} left`;
  return replaceControls(total === 0 ? detail : `[${done + 1}/${total}] ${detail}${left}`);
}

function filesText({ image, networkSize, maps, sheet }: PictureFiles): string {
  const lines = maps.map(({ name, channels, width, height, seconds }) => {
    const time = seconds.toFixed(2);
    return `  ${name}: ${channels} channels of ${width} x ${height}, ${time} s\n`;
  });
  const files = maps.reduce((sum, map) => sum + (map.raw ? 2 : 1) + map.similarities.length * (map.raw ? 2 : 1), 0);
  const seen = `seen at ${networkSize.width} x ${networkSize.height} px`;
  return replaceControls(`${image}, ${seen}\n${lines.join('')}  ${sheet} and ${files} files beside it\n`);
}
