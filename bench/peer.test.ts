import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { UserError } from '../src/base/errors.ts';
import { findPeer, peerEnvironment } from './peer.ts';

const here = fileURLToPath(import.meta.url);

it('takes OpenBLAS settings away and puts the OpenMP build first', () => {
  const env = { HOME: '/h', OPENBLAS_CORETYPE: 'Prescott', OPENBLAS_L2_SIZE: '1', LD_LIBRARY_PATH: '/own' };
  expect(peerEnvironment(env, '/openmp')).toEqual({ HOME: '/h', LD_LIBRARY_PATH: '/openmp:/own' });
  expect(peerEnvironment({ HOME: '/h' }, '/openmp')).toEqual({ HOME: '/h', LD_LIBRARY_PATH: '/openmp' });
  expect(peerEnvironment(env, undefined)).toEqual({ HOME: '/h', LD_LIBRARY_PATH: '/own' });
});

it('a script or a Python that was asked for and is not there is an error', () => {
  expect(() => findPeer({ script: '/no/peer.py', defaultScript: here })).toThrow(UserError);
  expect(() => findPeer({ script: '/no/peer.py', defaultScript: here })).toThrow('/no/peer.py');
  expect(() => findPeer({ defaultScript: here, python: '/no/python' })).toThrow('/no/python');
});

it('without a script at the default place there is no peer, and it is said', () => {
  expect(findPeer({ defaultScript: '/no/peer.py' })).toEqual({ missing: expect.stringContaining('/no/peer.py') });
});

it('takes the script and the Python that were asked for', () => {
  const found = findPeer({ script: here, defaultScript: '/no/peer.py', python: process.execPath });
  expect(found).toMatchObject({ script: here, python: process.execPath });
});
