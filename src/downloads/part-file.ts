import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../base/files.ts';
import { diskError } from './disk.ts';

const recordSchema = z.object({
  source: z.string(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  bytes: z.number().int().nonnegative().optional(),
});

/** Where the bytes of a part file come from: what a server must confirm before it may add to them. */
export type PartRecord = z.infer<typeof recordSchema>;

/**
 * The file `TO.part` that a download grows in, and `TO.part.json`, which says of what it is a part. It outlives the
 * process; `finish` gives it its name.
 */
export class PartFile {
  readonly path: string;
  private readonly recordPath: string;

  constructor(private readonly to: string) {
    this.path = `${to}.part`;
    this.recordPath = `${to}.part.json`;
  }

  /** Bytes so far. @throws UserError where the folder cannot be one */
  get size(): number {
    try {
      return statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
    } catch (error) {
      throw diskError(this.path, error);
    }
  }

  /** Of what it is a part; undefined where that is not known, so that nothing can be added to it. */
  record(): PartRecord | undefined {
    if (!existsSync(this.recordPath)) return undefined;
    try {
      return recordSchema.safeParse(JSON.parse(readFileSync(this.recordPath, 'utf8'))).data;
    } catch {
      return undefined;
    }
  }

  /**
   * Opens it for writing at `offset`, 0 to begin anew.
   *
   * @throws UserError where it cannot be written
   */
  async open(record: PartRecord, offset: number): Promise<FileHandle> {
    try {
      mkdirSync(dirname(this.path), { recursive: true });
      // first the bytes go, then the record changes: a process killed in between leaves nothing that looks resumable
      if (existsSync(this.path)) truncateSync(this.path, offset);
      writeFileAtomic(this.recordPath, JSON.stringify(record));
      return await open(this.path, 'a');
    } catch (error) {
      throw diskError(this.path, error);
    }
  }

  discard(): void {
    rmSync(this.path, { force: true });
    rmSync(this.recordPath, { force: true });
  }

  /** @throws UserError where it cannot be renamed */
  finish(): void {
    try {
      renameSync(this.path, this.to);
    } catch (error) {
      throw diskError(this.to, error);
    }
    rmSync(this.recordPath, { force: true });
  }
}
