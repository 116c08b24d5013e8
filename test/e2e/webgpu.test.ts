import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../support/close.ts';

/** A GPU in software: Debian's chromium brings one for Vulkan, libvulkan1 loads it. */
const DRIVER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const LIBRARIES = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
const hasVulkan = existsSync(LIBRARIES) && readdirSync(LIBRARIES).some(name => name.startsWith('libvulkan.so'));
const usable = existsSync(DRIVER) && hasVulkan;
if (!usable) console.warn(`skipped: device webgpu, it needs libvulkan1 and chromium's ${DRIVER} (Debian packages)`);

const program = fileURLToPath(new URL('../../dist/test/e2e/webgpu-program.js', import.meta.url));

async function step(device: string): Promise<Record<string, number[]>> {
  const env = { ...process.env, VK_ICD_FILENAMES: DRIVER };
  const { stdout } = await promisify(execFile)(process.execPath, [program, device], { env, maxBuffer: 2 ** 26 });
  return JSON.parse(stdout);
}

describe.skipIf(!usable)('device webgpu', () => {
  it('gives what the processor gives, gradients included', async () => {
    const [expected, actual] = [await step('cpu'), await step('webgpu')];
    expect(Object.keys(actual)).toEqual(Object.keys(expected));
    for (const [name, values] of Object.entries(expected)) {
      expect(values.some(value => value !== 0)).toBe(true);
      expectClose(Float32Array.from(actual[name]), Float32Array.from(values), 1e-4, name);
    }
  });
});
