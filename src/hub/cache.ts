import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { cacheFolder } from './settings.ts';

/** A file of a repository on the hub. */
export interface HubPlace {
  /** Owner and name, such as `facebook/dinov2-small`. */
  id: string;
  file: string;
  /** Branch, tag or commit. */
  revision: string;
}

/** @throws UserError where it can be neither a branch, a tag nor a commit */
export function requireRevision(revision: string): void {
  if (/^\w[\w./-]*$/.test(revision) && !revision.includes('..')) return;
  throw new UserError(
    `"${revision}" is no revision: expected a branch, a tag or a commit of 40 digits, such as main or v1.0`,
  );
}

const repository = (id: string): string => join(cacheFolder(), 'hub', ...id.split('/'));

/** Notes where a branch or a tag pointed when it was last fetched. */
const refOf = ({ id, revision }: HubPlace): string => join(repository(id), 'refs', encodeURIComponent(revision));

/**
 * Where a file belongs in the cache: a folder for each commit, so that nothing there ever changes.
 *
 * @param commit that the revision stands for; the revision itself has the folder where the hub does not tell
 */
export function cachePath({ id, file, revision }: HubPlace, commit?: string): string {
  return join(repository(id), 'snapshots', commit ?? encodeURIComponent(revision), ...file.split('/'));
}

/** Notes what a revision stands for. @throws UserError where the cache cannot be written */
export const noteCommit = (place: HubPlace, commit: string): void => writeFileAtomic(refOf(place), commit);

/** The file in the cache; undefined where it is not there. */
export function cachedFile(place: HubPlace): string | undefined {
  const ref = refOf(place);
  const commit = existsSync(ref) ? readFileSync(ref, 'utf8') : undefined;
  return [cachePath(place, commit), cachePath(place)].find(path => existsSync(path));
}
