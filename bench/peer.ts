import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { UserError } from '../src/base/errors.ts';

/** How to start the other side. */
export interface Peer {
  python: string;
  script: string;
  env: NodeJS.ProcessEnv;
}

export interface PeerOptions {
  /** The script; the one at `defaultScript` where not given. */
  script?: string;
  defaultScript: string;
  /** The Python; the first that can import torch where not given. */
  python?: string;
}

const PYTHONS = ['/usr/bin/python3', 'python3'];
const OPENBLAS_OPENMP = '/usr/lib/x86_64-linux-gnu/openblas-openmp';

export const installPeer =
  'To compare: apt-get install python3-torch libopenblas0-openmp (or name a Python that has torch by --python FILE).';

/**
 * Finds the peer; a text that says what is missing where there is none to be had.
 *
 * @throws UserError where a script or a Python was asked for that does not exist.
 */
export function findPeer({ script, defaultScript, python }: PeerOptions): Peer | { missing: string } {
  if (script !== undefined && !existsSync(script)) {
    throw new UserError(
      `--peer: there is no file ${resolve(script)}; give the peer's script, or --no-peer to run without`,
    );
  }
  const file = script ?? defaultScript;
  if (!existsSync(file)) return { missing: `no script at ${file}; name one by --peer FILE.` };
  const env = peerEnvironment(process.env, existsSync(OPENBLAS_OPENMP) ? OPENBLAS_OPENMP : undefined);
  if (python !== undefined) {
    if (spawnSync(python, ['--version']).error) {
      throw new UserError(`--python: cannot start "${python}"; give a Python that can import torch`);
    }
    return { python, script: file, env };
  }
  const found = PYTHONS.find(candidate => spawnSync(candidate, ['-c', 'import torch'], { env }).status === 0);
  if (!found) return { missing: `none of ${PYTHONS.join(', ')} can import torch. ${installPeer}` };
  return { python: found, script: file, env };
}

/**
 * The environment in which the peer is at its best: OpenBLAS chooses its kernels by itself, and its OpenMP build is
 * taken where installed, so that it shares PyTorch's threads and does not start its own beside them.
 */
export function peerEnvironment(env: NodeJS.ProcessEnv, openblas: string | undefined): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _, OPENBLAS_L2_SIZE: __, ...rest } = env;
  if (!openblas) return rest;
  const libraries = [openblas, rest.LD_LIBRARY_PATH].filter(path => path);
  return { ...rest, LD_LIBRARY_PATH: libraries.join(':') };
}
