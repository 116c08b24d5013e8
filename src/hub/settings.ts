import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { UserError } from '../base/errors.ts';

export interface HubSettings {
  /** Where repositories are: scheme, host and port, a path perhaps; no slash at the end. */
  endpoint: string;
  /** What opens gated repositories, and where it was found. */
  token?: { value: string; from: string };
  /** Nothing may be fetched. */
  offline: boolean;
}

const HUB = 'https://huggingface.co';

/** An empty variable counts as none. */
const variable = (name: string): string | undefined => process.env[name] || undefined;

/** The user's folder for caches (XDG Base Directory Specification: a relative path does not count). */
function userCache(): string {
  const folder = variable('XDG_CACHE_HOME');
  return folder !== undefined && isAbsolute(folder) ? folder : join(homedir(), '.cache');
}

/** Where weights are kept for all runs: CLICKPROBE_CACHE, else `clickprobe` in the user's folder for caches. */
export const cacheFolder = (): string => variable('CLICKPROBE_CACHE') ?? join(userCache(), 'clickprobe');

/**
 * The hub to ask: `mirror`, else HF_ENDPOINT, else huggingface.co. A token is for one hub: the one in HF_TOKEN for that
 * of HF_ENDPOINT or huggingface.co, the one that Hugging Face's own tool saved for huggingface.co alone; a `mirror` gets
 * none.
 *
 * @throws UserError where the address or the token cannot be one
 */
export function hubSettings({ mirror, offline = false }: { mirror?: string; offline?: boolean } = {}): HubSettings {
  const named = variable('HF_ENDPOINT');
  const endpoint = mirror ? checkedUrl(mirror, '--mirror') : named ? checkedUrl(named, 'HF_ENDPOINT') : HUB;
  const forbidden = variable('CLICKPROBE_OFFLINE') ?? '0';
  if (forbidden !== '0' && forbidden !== '1') {
    throw new UserError(`CLICKPROBE_OFFLINE is "${forbidden}", expected 1 or 0`);
  }
  return { endpoint, offline: offline || forbidden === '1', token: mirror ? undefined : findToken(endpoint) };
}

function checkedUrl(text: string, from: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new UserError(`${from} is "${text}", expected an address such as https://hub.example.org`);
  }
  return text.replace(/\/+$/, '');
}

function findToken(endpoint: string): HubSettings['token'] {
  for (const name of ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN']) {
    const value = variable(name)?.trim();
    if (value) return { value: checkedToken(value, name), from: name };
  }
  if (new URL(endpoint).origin !== HUB) return undefined;
  const path = variable('HF_TOKEN_PATH') ?? join(variable('HF_HOME') ?? join(userCache(), 'huggingface'), 'token');
  const value = contentOf(path)?.trim();
  return value ? { value: checkedToken(value, path), from: path } : undefined;
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new UserError(`cannot read the token in ${path}: ${message}. Set HF_TOKEN, or make the file readable`);
  }
}

/** A header takes no other characters. The token itself is in no message. */
function checkedToken(value: string, from: string): string {
  if (/^[\x21-\x7e]+$/.test(value)) return value;
  throw new UserError(`what ${from} holds is no token: expected letters, digits and underscores (hf_...)`);
}
