import type { DownloadProgress } from '../downloads/download.ts';
import { byteSize } from '../downloads/units.ts';
import { duration } from './progress.ts';

/** How far a download is: "fetching: 1.0 MB/3.5 MB (28 %)  |  2 s left". */
export function downloadText({ phase, done, total, secondsLeft }: DownloadProgress): string {
  const share = total ? `/${byteSize(total)} (${Math.floor((100 * done) / total)} %)` : '';
  const left = secondsLeft === undefined ? '' : `  |  ${duration(secondsLeft)} left`;
  return `${phase === 'check' ? 'checking the hash' : 'fetching'}: ${byteSize(done)}${share}${left}`;
}
