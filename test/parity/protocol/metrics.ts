import { countAtMax, mean, meanIouCurve, noc } from '../../../src/evaluation/metrics.ts';
import { thresholds } from '../../../src/evaluation/object-metrics.ts';
import { summarize } from '../../../src/evaluation/summary.ts';
import { iou } from '../../../src/interaction/iou.ts';
import { duration, type PaperRow, paperMiou, paperTable, paperTarget } from '../../../src/report/paper-table.ts';
import { type Check, near, same } from '../case.ts';
import { checkAdaptiveIou } from '../training-metric.ts';
import { type ProtocolKind, sectionKind } from './kind.ts';
import { fromRuns } from './masks.ts';
import type { Json, Source } from './source.ts';

/** The reference sums IoUs in float32. */
const MEAN = 5e-7;

const toCurves = (ious: (number | null)[][]): number[][] => ious.map(curve => curve.map(value => value ?? Number.NaN));

/** Population standard deviation. */
function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(mean(values.map(value => (value - middle) ** 2)));
}

const percent = (value: number) => Number((value * 100).toFixed(2));

/** IoU, NoC, mean IoUs, times and the tables made of them. */
export const metrics: readonly ProtocolKind[] = [
  sectionKind('get_iou', ({ cases }) =>
    cases.flatMap(({ h, w, gt_rle, pred_rle, iou: expected }: Json, i: number) => {
      // other labels than 1 and -1 are background
      const labels = Int8Array.from(fromRuns(gt_rle), label => (label === 1 || label === -1 ? label : 0));
      const target = { width: w, height: h, data: labels };
      const prediction = { width: w, height: h, data: Uint8Array.from(fromRuns(pred_rle)) };
      return [
        same(`pixels ${i}`, [labels.length, prediction.data.length], [h * w, h * w]),
        near(`IoU ${i}`, iou(target, prediction, Number.NaN), expected, 0),
      ];
    }),
  ),
  {
    sections: json => ('noc' in json ? ['noc'] : []),
    cases: source =>
      source.json.noc.cases.map((given: Json) => ({
        name: `${source.stem}/noc_${given.name}`,
        run: () => checkNoc(given),
      })),
  },
  sectionKind('thresholds_arange', lists =>
    Object.entries(lists as Record<string, number[]>).map(([target, expected]) => {
      // arange accumulates: .85 is .8500000000000001 there, which NoC compares as float32
      const reached = thresholds.map(t => t / 100).filter(t => t <= Number(target) + 1e-9);
      return same(`thresholds up to ${target}`, reached.map(Math.fround), expected.map(Math.fround));
    }),
  ),
  sectionKind('time', ({ cases }) =>
    cases.flatMap(({ lengths, elapsed, spc, spi }: Json, i: number) => {
      const curves = (lengths as number[]).map((length, object) => ({
        id: String(object),
        ious: new Array<number>(length).fill(0),
        seconds: elapsed / lengths.length,
      }));
      const { secondsPerClick, objects } = summarize(curves, { maxClicks: Math.max(...lengths), resamples: 1 });
      return [
        near(`seconds per click ${i}`, secondsPerClick, spc, 1e-12 * spc),
        near(`seconds per object ${i}`, elapsed / objects, spi, 1e-12 * spi),
      ];
    }),
  ),
  sectionKind('results_table', ({ cases }) => cases.flatMap(checkTable)),
  {
    sections: json => ('save_results' in json ? ['save_results'] : []),
    cases: source =>
      source.json.save_results.cases.map((given: Json) => ({
        name: `${source.stem}/save_results_${given.name}`,
        run: () => checkSaved(given, source.json.save_results.about),
      })),
  },
  sectionKind('adaptive_iou', ({ cases }, source) => checkMetric(cases, source)),
];

function checkNoc({ ious, thresholds: limits, max_clicks, ...expected }: Json): Check[] {
  const curves = toCurves(ious);
  const miou = meanIouCurve(curves);
  const checks = (limits as number[]).flatMap((t, i) => {
    const clicks = curves.map(curve => noc(curve, t, max_clicks));
    return [
      near(`NoC at ${t}`, mean(clicks), expected.noc[i], 1e-12),
      near(`deviation of NoC at ${t}`, deviation(clicks), expected.noc_std[i], 1e-12),
      same(`objects at the limit for ${t}`, countAtMax(curves, t, max_clicks), expected.over_max[i]),
    ];
  });
  return [
    ...checks,
    near('IoU@1', miou[0], expected.iou_at_1, MEAN),
    same('clicks of every object', miou.length, expected.min_num_clicks),
    same('length of mIoU', miou.length, expected.miou_at_k.length),
    ...miou.map((value, k) => near(`mIoU@${k + 1}`, value, expected.miou_at_k[k], MEAN)),
    ...miou.map((value, k) => near(`mIoU@${k + 1} %`, percent(value), expected.miou_percent_rounded[k], 0)),
    same('mIoU as text', paperMiou(miou.slice(0, 20)), expected.miou_table),
  ];
}

/** What the reference keeps of a row: -1 where a threshold was not reached for. */
function entries({
  noc: clicks,
  atMax,
  maxClicks,
  secondsPerClick,
  elapsedSeconds,
}: PaperRow): Record<string, unknown> {
  const known = (values: readonly number[], i: number) => (i < clicks.length ? values[i] : -1);
  return {
    ...Object.fromEntries([80, 85, 90].map((t, i) => [`NoC@${t}%`, known(clicks, i)])),
    ...Object.fromEntries([85, 90].map((t, i) => [`>=${maxClicks}@${t}%`, known(atMax, i + 1)])),
    'SPC,s': secondsPerClick,
    Time: duration(elapsedSeconds),
  };
}

function checkTable({ args, header, row, dict }: Json, i: number): Check[] {
  const given: PaperRow = {
    upsampler: args.upsampler_type ?? '',
    label: args.brs_type,
    dataset: args.dataset_name,
    noc: args.noc_list,
    atMax: args.over_max_list,
    maxClicks: args.n_clicks,
    iou1: args.iou_first,
    secondsPerClick: args.mean_spc,
    elapsedSeconds: args.elapsed_time,
  };
  const single = args.single_model_eval;
  const options = single ? { model: args.model_name ?? undefined } : { labelTitle: 'Ckpt' };
  const table = paperTable(given, options);
  return [
    same(`header ${i}`, table.header, header),
    same(`row ${i}`, table.row, row),
    same(`entries ${i}`, sorted(entries(given)), sorted(dict)),
  ];
}

/** From curves to the printed table. */
function checkSaved(given: Json, about: string): Check[] {
  const { ious, elapsed, target_iou, print_ious, upsampler_class, files, stdout, results } = given;
  const named = (pattern: RegExp) => pattern.exec(about)?.[1] ?? '';
  const [file, text] = Object.entries(files as Record<string, string>)[0];
  const curves = toCurves(ious);
  const maxClicks = Number(/_(\d+)\.txt$/.exec(file)?.[1]);
  const limits = thresholds.map(t => t / 100).filter(t => t <= target_iou + 1e-9);
  const miou = meanIouCurve(curves).slice(0, 20);
  const row: PaperRow = {
    upsampler: upsampler_class,
    label: named(/row_name='([^']*)'/),
    dataset: named(/dataset '([^']*)'/),
    noc: limits.map(t => mean(curves.map(curve => noc(curve, t, maxClicks)))),
    atMax: limits.map(t => countAtMax(curves, t, maxClicks)),
    maxClicks,
    iou1: miou[0],
    secondsPerClick: elapsed / curves.reduce((sum, curve) => sum + curve.length, 0),
    elapsedSeconds: elapsed,
  };
  const table = paperTable(row, { model: file.split('/').at(-2) });
  const line = table.row + (print_ious ? `; ${paperMiou(miou)}` : paperTarget(row, target_iou));
  const further = print_ious
    ? {
        ...Object.fromEntries(miou.map((value, k) => [`mIoU@${k + 1}`, percent(value)])),
        miou_list: miou.map(percent),
        clicks_list: miou.map((_, k) => k + 1),
      }
    : row.noc.length > 3
      ? {
          [`NoC@${(target_iou * 100).toFixed(1)}%`]: row.noc[3],
          [`>=${maxClicks}@${(target_iou * 100).toFixed(1)}%`]: row.atMax[3],
        }
      : {};
  return [
    same('file', text, `${table.header}\n${line}\n`),
    same('standard output', stdout.trimEnd(), `${table.header}\n${line}`),
    same('entries', sorted({ ...entries(row), ...further }), sorted(results)),
  ];
}

const sorted = (record: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

function checkMetric(cases: Json[], source: Source): Check[] {
  const updates = cases.map(({ pred, gt, ...state }: Json) => ({
    logits: source.floats(pred),
    targets: source.floats(gt),
    batch: source.tensor(pred).shape[0],
    ...state,
  }));
  return checkAdaptiveIou(updates);
}
