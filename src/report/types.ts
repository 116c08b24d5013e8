/**
 * One line of the results: one upsampler on one data set. Null is a number that the evaluation does not tell, such as
 * NoC95 where objects were stopped at an IoU of 90 %.
 */
export interface ResultRow {
  upsampler: string;
  dataset: string;
  /** Objects the means are taken over. */
  objects: number;
  /** Mean number of clicks to an IoU of 80 %, 85 %, ..; an object that never gets there counts as `maxClicks`. */
  noc80: number | null;
  noc85: number | null;
  noc90: number | null;
  noc95?: number | null;
  /** Objects that do not reach 90 % within `maxClicks`. */
  nof90: number | null;
  /** Mean IoU after the first click, 0..1. */
  iou1: number;
  /** Mean IoU after the fifth click, 0..1. */
  miou5?: number | null;
  /** Mean boundary IoU after the first and the fifth click, 0..1. */
  biou1?: number | null;
  biou5?: number | null;
  /** Mean IoU after k = 1, 2, .. clicks, 0..1. */
  miou: number[];
  secondsPerClick: number;
  maxClicks: number;
  /** 95 % intervals, in the units of the values. */
  ci: {
    noc80: [number, number] | null;
    noc85: [number, number] | null;
    noc90: [number, number] | null;
    noc95?: [number, number] | null;
    iou1: [number, number];
    miou5?: [number, number] | null;
    biou1?: [number, number] | null;
    biou5?: [number, number] | null;
  };
}

/** A picture inside the report: a `data:image/..` URI and its size in pixels. */
export interface EncodedImage {
  dataUri: string;
  width: number;
  height: number;
}

/** IoU (0..1) after k = 1, 2, .. clicks for one upsampler; `low` and `high` bound the 95 % band. */
export interface IouCurve {
  upsampler: string;
  mean: number[];
  low?: number[];
  high?: number[];
}

/** One object with what each upsampler made of it. */
export interface ExampleObject {
  dataset: string;
  id: string;
  /** The image with the true outline. */
  source: EncodedImage;
  /** Predictions; `iou` is 0..1. The order of first appearance orders columns (upsamplers). */
  cells: { upsampler: string; afterClicks: number; iou: number; image: EncodedImage }[];
}

/** One image with the PCA pictures of its features, low resolution first. */
export interface FeatureExample {
  id: string;
  image: EncodedImage;
  maps: { name: string; image: EncodedImage }[];
}

/** Everything `reportHtml` shows. Every string may hold anything: all are escaped. */
export interface ReportData {
  title: string;
  /** Name and value: backbone, training, seed, versions, time, .. */
  facts: [string, string][];
  /** The command line that repeats the run. */
  command: string;
  /** Caveats and remarks, one paragraph each. */
  notes: string[];
  rows: ResultRow[];
  curves: { dataset: string; upsamplers: IouCurve[] }[];
  examples: ExampleObject[];
  features: FeatureExample[];
  /** The resolved configuration. */
  configYaml: string;
}
