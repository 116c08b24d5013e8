import type { RgbImage } from '../base/raster.ts';
import type { Dataset, Part } from '../datasets/types.ts';
import { type LabelMap, packLabels } from './labels.ts';

/** A decoded sample in the form training works on. */
export interface DecodedSample {
  id: string;
  image: RgbImage;
  labels: LabelMap;
  /** As `Sample` has them. */
  parts?: readonly Part[];
}

interface Entry {
  sample: Promise<DecodedSample>;
  /** 0 while loading. */
  bytes: number;
}

/** Bound on decoded samples where no other is given. */
export const CACHE_BYTES = 256 * 2 ** 20;

/** Decodes a sample and packs its masks. @throws UserError from the dataset, or where mask and image disagree in size. */
export async function decodeSample(dataset: Dataset, index: number): Promise<DecodedSample> {
  const { id, image, objects, parts } = await dataset.load(index);
  return { id, image, labels: packLabels(objects, image), ...(parts && { parts }) };
}

/** Keeps the decoded samples of a dataset that were used last, up to a number of bytes; a failed load is not kept. */
export class SampleCache {
  private readonly entries = new Map<number, Entry>();
  private readonly dataset: Dataset;
  private readonly maxBytes: number;
  private bytes = 0;

  /** @param maxBytes 256 MB by default; a single larger sample is used but not kept */
  constructor(dataset: Dataset, maxBytes = CACHE_BYTES) {
    this.dataset = dataset;
    this.maxBytes = maxBytes;
  }

  /** The bytes held by decoded samples. */
  get size(): number {
    return this.bytes;
  }

  /** Sample `index`, decoded once however many ask for it at the same time. */
  load(index: number): Promise<DecodedSample> {
    const entry = this.entries.get(index) ?? this.start(index);
    this.entries.delete(index);
    this.entries.set(index, entry);
    return entry.sample;
  }

  private start(index: number): Entry {
    const sample = decodeSample(this.dataset, index);
    const entry = { sample, bytes: 0 };
    sample.then(
      decoded => {
        entry.bytes = decoded.image.data.byteLength + decoded.labels.codes.byteLength;
        this.bytes += entry.bytes;
        this.evict();
      },
      () => this.entries.delete(index),
    );
    return entry;
  }

  private evict(): void {
    for (const [index, { bytes }] of this.entries) {
      if (this.bytes <= this.maxBytes) return;
      if (bytes === 0) continue;
      this.entries.delete(index);
      this.bytes -= bytes;
    }
  }
}
