import { fixed } from './format.ts';

/** One line of the original's table. */
export interface PaperRow {
  upsampler: string;
  /** What stands in the second column: how the prediction was made, or which checkpoint was evaluated. */
  label: string;
  dataset: string;
  /** Mean NoC and number of objects at the limit for 80, 85 and 90 %, and for a further threshold; fewer are allowed. */
  noc: readonly number[];
  atMax: readonly number[];
  maxClicks: number;
  /** Mean IoU after the first click, 0..1. */
  iou1: number;
  secondsPerClick: number;
  elapsedSeconds: number;
}

/**
 * A result as the original prints it and writes it to its logs, to be compared with these line by line. Texts that are
 * too long widen their cell; thresholds that were not reached for are "?".
 *
 * @param model named above the table, where given
 * @param labelTitle "BRS Type", or "Ckpt" where several checkpoints of a model are listed
 */
export function paperTable(
  row: PaperRow,
  { model, labelTitle = 'BRS Type' }: { model?: string; labelTitle?: string } = {},
): { header: string; row: string } {
  const known = (values: readonly number[], at: number, print: (value: number) => string) =>
    at < row.noc.length ? print(values[at]) : '?';
  const noc = (at: number) => known(row.noc, at, value => number(value, 2));
  const atMax = (at: number) => known(row.atMax, at, String);
  const columns: [title: string, width: number, value: string][] = [
    ['Upsampler Type', 20, row.upsampler],
    [labelTitle, 13, row.label],
    ['Dataset', 11, row.dataset],
    ['NoC@80%', 9, noc(0)],
    ['NoC@85%', 9, noc(1)],
    ['NoC@90%', 9, noc(2)],
    ['IoU@1', 9, number(row.iou1, 2)],
    [`>=${row.maxClicks}@85%`, 9, atMax(1)],
    [`>=${row.maxClicks}@90%`, 9, atMax(2)],
    ['SPC,s', 7, number(row.secondsPerClick, 3)],
    ['Time', 9, duration(row.elapsedSeconds)],
  ];
  const line = (cells: string[]) => `|${cells.map((text, i) => centred(text, columns[i][1])).join('|')}|`;
  const titles = line(columns.map(([title]) => title));
  const rule = '-'.repeat(titles.length);
  const name = model === undefined ? '' : `Eval results for model: ${model}\n`;
  return { header: `${name}${rule}\n${titles}\n${rule}`, row: line(columns.map(([, , value]) => value)) };
}

/** What stands behind a row for the target IoU, 0..1, of a run that stopped there; nothing up to 90 %. */
export function paperTarget({ noc, atMax, maxClicks }: PaperRow, target: number): string {
  if (noc.length < 4) return '';
  const percent = number(target * 100, 1);
  return ` NoC@${percent}% = ${number(noc[3], 2)}; >=${maxClicks}@${percent}% = ${atMax[3]}`;
}

/** Mean IoUs (0..1) after each click in percent, "mIoU@1=62.93%; mIoU@2=..;". */
export function paperMiou(miou: readonly number[]): string {
  return miou.map((value, k) => `mIoU@${k + 1}=${number(value * 100, 2)}%;`).join(' ');
}

/** Python's `str(timedelta(seconds=int(seconds)))`: "0:01:01", "1 day, 1:01:01". */
export function duration(seconds: number): string {
  const whole = Math.trunc(seconds);
  const days = Math.floor(whole / 86400);
  const two = (value: number) => String(Math.floor(value) % 60).padStart(2, '0');
  const time = `${Math.floor((whole % 86400) / 3600)}:${two(whole / 60)}:${two(whole)}`;
  return days === 0 ? time : `${days} day${days === 1 ? '' : 's'}, ${time}`;
}

const number = (value: number, decimals: number) => (Number.isNaN(value) ? 'nan' : fixed(value, decimals));

/** An odd space goes to the right. */
function centred(text: string, width: number): string {
  const space = Math.max(0, width - text.length);
  return ' '.repeat(Math.floor(space / 2)) + text + ' '.repeat(Math.ceil(space / 2));
}
