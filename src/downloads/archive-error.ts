import { UserError } from '../base/errors.ts';

/** What is wrong with an archive, whatever the disk and the network do: another source may have a good one. */
export class ArchiveError extends UserError {}

/** The archive may be whole, but what it holds is not to be unpacked. */
export const refusedArchive = (path: string, reason: string) =>
  new ArchiveError(`refused to unpack ${path}: ${reason}. Get it from another source`);

export const damagedArchive = (path: string, what: string) =>
  new ArchiveError(`cannot unpack ${path}: it is damaged or cut off (${what}). Get it again`);
