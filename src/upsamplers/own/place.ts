import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What an error says, and at which line of a file it arose, where its stack tells. */
export function errorText(error: unknown, path: string): string {
  if (!(error instanceof Error)) return `it threw ${String(error)}`;
  const url = pathToFileURL(resolve(path)).href;
  // a frame `URL:line:column`; what the linker refuses has `URL:line` in front
  const at = error.stack?.indexOf(`${url}:`) ?? -1;
  const line = at < 0 ? undefined : /^\d+/.exec(error.stack!.slice(at + url.length + 1))?.[0];
  return `${error.message}${line === undefined ? '' : ` (line ${line})`}`;
}
