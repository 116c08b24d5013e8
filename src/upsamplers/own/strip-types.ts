import { transformSync } from '@swc/wasm-typescript';

/**
 * JavaScript out of TypeScript: types give way to spaces, so that every line and column stays. Enums, namespaces and
 * other types that are code are refused, as by Node.
 *
 * @throws SyntaxError `FILE:LINE:COLUMN: what is wrong`.
 */
export function stripTypes(source: string, file: string): string {
  try {
    return transformSync(source, { mode: 'strip-only', module: true, filename: file }).code;
  } catch (error) {
    const { message, startLine, startColumn } = error as { message: string; startLine?: number; startColumn?: number };
    const place = startLine === undefined ? '' : `:${startLine}:${(startColumn ?? 0) + 1}`;
    throw new SyntaxError(`${file}${place}: ${message}`);
  }
}
