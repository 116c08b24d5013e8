import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { busyShare } from './busy.ts';

it('sees another process at work', async () => {
  const other = spawn(process.execPath, ['-e', 'console.log("on"); for (;;);']);
  try {
    await new Promise(resolve => other.stdout.once('data', resolve));
    expect(await busyShare(500)).toBeGreaterThan(0.02);
  } finally {
    other.kill('SIGKILL');
  }
});

it('is a share', async () => {
  const share = await busyShare(100);
  expect(share).toBeGreaterThanOrEqual(0);
  expect(share).toBeLessThanOrEqual(1);
});
