import { findUpsampler } from '../registry.ts';
import type { Upsampler } from '../types.ts';
import { entriesByName, ownEntry, recordOf } from './entry.ts';
import { moduleUpsampler } from './module.ts';
import { onnxUpsampler } from './onnx.ts';
import type { OwnUpsampler } from './types.ts';

/**
 * The upsamplers of a list, built in or files of one's own (docs/upsamplers.md), by the names of their rows.
 *
 * @param taken names of other rows.
 * @throws UserError for an unknown name, two of one name, or a file that cannot be read, loaded or imported.
 */
export async function openUpsamplers(
  entries: readonly string[],
  taken: readonly string[] = [],
): Promise<Map<string, Upsampler>> {
  const opened = new Map<string, Upsampler>();
  for (const [name, entry] of entriesByName(entries, taken)) {
    const own = ownEntry(entry);
    opened.set(name, own ? await openFile(name, own.path) : findUpsampler(name));
  }
  return opened;
}

async function openFile(name: string, path: string): Promise<OwnUpsampler> {
  const file = recordOf(path);
  return /\.onnx$/i.test(path) ? onnxUpsampler(name, file) : moduleUpsampler(name, file);
}
