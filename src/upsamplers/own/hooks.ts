import { readFileSync } from 'node:fs';
import type { LoadHook, ResolveHook } from 'node:module';
import { fileURLToPath } from 'node:url';
import { stripTypes } from './strip-types.ts';

// How Node loads a module of the user: registered by load-module.ts. Neither waits, so both kinds of hooks take them.

const API = new URL('../../api.js', import.meta.url).href;

/** `clickprobe` is this very installation, wherever the module lies: its ops must be those of the graph. */
export const resolve: ResolveHook = (specifier, context, next) =>
  specifier === 'clickprobe' ? { url: API, format: 'module', shortCircuit: true } : next(specifier, context);

/** TypeScript without its types, which Node 20 does not take. */
export const load: LoadHook = (url, context, next) => {
  if (!url.startsWith('file:') || !/\.m?ts$/i.test(new URL(url).pathname)) return next(url, context);
  const file = fileURLToPath(url);
  return { format: 'module', source: stripTypes(readFileSync(file, 'utf8'), file), shortCircuit: true };
};
