import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { UserError } from '../base/errors.ts';
import { isAlive } from '../base/processes.ts';
import { diskError } from '../downloads/disk.ts';

/**
 * Runs an action while no other process runs one under the same path; the lock of a process that is gone counts as none.
 *
 * @throws UserError (exit code 75) naming the process that is there; (74) where the folder cannot be written
 */
export async function alone<T>(path: string, action: () => Promise<T>): Promise<T> {
  const [host, pid] = holder(path);
  if (host !== undefined && (host !== hostname() || isAlive(Number(pid)))) {
    throw new UserError(
      `process ${pid} on ${host} is fetching the same file. Wait for it; if it is gone, remove ${path}`,
      { exitCode: 75 },
    );
  }
  try {
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { force: true });
    writeFileSync(path, `${hostname()} ${process.pid}`, { flag: 'wx' });
  } catch (error) {
    throw diskError(path, error);
  }
  try {
    return await action();
  } finally {
    rmSync(path, { force: true });
  }
}

function holder(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split(' ');
  } catch {
    return [];
  }
}
