import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from './errors.ts';
import { appendLine, createFile, makeFolder, writeFileAtomic } from './files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickprobe-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function errorOf(action: () => void): UserError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error('nothing was thrown');
}

const all = () => readdirSync(folder, { recursive: true }).map(String).sort();

describe('writeFileAtomic', () => {
  it('writes text and bytes, makes folders, replaces what was there, leaves nothing else', () => {
    const path = join(folder, 'a', 'b', 'c.txt');
    writeFileAtomic(path, 'first');
    expect(readFileSync(path, 'utf8')).toBe('first');
    writeFileAtomic(path, Uint8Array.of(1, 0, 255));
    expect([...readFileSync(path)]).toEqual([1, 0, 255]);
    writeFileAtomic(path, [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)]);
    expect([...readFileSync(path)]).toEqual([1, 2, 3]);
    expect(all()).toEqual(['a', join('a', 'b'), join('a', 'b', 'c.txt')]);
  });

  it('leaves no temporary file where a folder has the name, and says so', () => {
    const path = join(folder, 'taken');
    mkdirSync(path);
    const error = errorOf(() => writeFileAtomic(path, 'text'));
    expect(error.message).toContain(`cannot write ${path}: a folder of that name is in the way`);
    expect(error.exitCode).toBe(74);
    expect(error.cause).toMatchObject({ code: 'EISDIR' });
    expect(all()).toEqual(['taken']);
  });

  it('keeps the old content where it fails', () => {
    const path = join(folder, 'file');
    writeFileAtomic(path, 'old');
    const error = errorOf(() => writeFileAtomic(join(path, 'below'), 'new'));
    expect(error.message).toMatch(/is a file, not a folder|a file of that name is in the way/);
    expect(all()).toEqual(['file']);
    expect(readFileSync(path, 'utf8')).toBe('old');
  });

  it('writes a part larger than a block whole', () => {
    const path = join(folder, 'large');
    const part = new Uint8Array(2 ** 26 + 3).fill(7);
    writeFileAtomic(path, [Uint8Array.of(1), part]);
    const back = readFileSync(path);
    expect(back.length).toBe(part.length + 1);
    expect(back.subarray(1).equals(part)).toBe(true);
  });

  it('gives other errors as they are: they are not for the user to mend', () => {
    expect(() => writeFileAtomic(join(folder, 'a\0b'), 'x')).toThrow(
      expect.not.objectContaining({ name: 'UserError' }),
    );
    expect(all()).toEqual([]);
  });
});

describe('createFile', () => {
  it('makes a file, but never writes over one', () => {
    const path = join(folder, 'lock');
    createFile(path, '1');
    expect(errorOf(() => createFile(path, '2')).exitCode).toBe(74);
    expect(readFileSync(path, 'utf8')).toBe('1');
  });

  it('leaves nothing where it fails', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(errorOf(() => createFile(join(folder, 'file', 'lock'), '1')).message).toContain('not a folder');
    expect(all()).toEqual(['file']);
  });
});

describe('appendLine and makeFolder', () => {
  it('add lines and folders', () => {
    const path = join(folder, 'logs', 'a.jsonl');
    appendLine(path, '{"a":1}');
    appendLine(path, '{"a":2}');
    expect(readFileSync(path, 'utf8')).toBe('{"a":1}\n{"a":2}\n');
    makeFolder(join(folder, 'x', 'y'));
    makeFolder(join(folder, 'x', 'y'));
    expect(existsSync(join(folder, 'x', 'y'))).toBe(true);
  });

  it('say what is in the way', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(errorOf(() => makeFolder(join(folder, 'file', 'x'))).message).toContain('a part of the path is a file');
    expect(errorOf(() => makeFolder(join(folder, 'file'))).message).toContain('a file of that name is in the way');
    expect(errorOf(() => appendLine(join(folder, 'file', 'log'), 'x')).exitCode).toBe(74);
    expect(errorOf(() => appendLine(folder, 'x')).message).toContain('a folder of that name is in the way');
  });
});
