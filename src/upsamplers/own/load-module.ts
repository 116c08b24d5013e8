import { readFileSync } from 'node:fs';
import module from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../../base/errors.ts';
import { errorText } from './place.ts';

let hooked = false;

/** Once in a thread: each has modules of its own. */
async function hook(): Promise<void> {
  if (hooked) return;
  hooked = true;
  const url = new URL('./hooks.js', import.meta.url);
  // from Node 22.15 on, where the other is on its way out
  const { registerHooks } = module as { registerHooks?: (hooks: object) => void };
  if (registerHooks) registerHooks(await import(url.href));
  else module.register(url);
}

/**
 * Imports a module of the user, TypeScript or JavaScript, in which `clickprobe` is this installation.
 *
 * @throws UserError with the place, where it does not parse, imports what is not there or throws.
 */
export async function loadModule(path: string): Promise<Record<string, unknown>> {
  await hook();
  try {
    return await import(pathToFileURL(resolve(path)).href);
  } catch (error) {
    const reason = error instanceof SyntaxError ? await syntaxText(error, path) : errorText(error, path);
    throw new UserError(`${path} cannot be loaded: ${reason}`, { cause: error });
  }
}

/** Node does not say where JavaScript fails to parse. */
async function syntaxText(error: SyntaxError, path: string): Promise<string> {
  const { stripTypes } = await import('./strip-types.ts');
  try {
    stripTypes(readFileSync(path, 'utf8'), path);
  } catch (placed) {
    return (placed as SyntaxError).message;
  }
  return errorText(error, path);
}
