import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { UserError } from '../base/errors.ts';

/** The bytes of a file that hold one JSON value. */
export interface Span {
  start: number;
  end: number;
}

const chunkSize = 1 << 22;
const [quote, backslash, comma, colon] = [...'"\\,:'].map(char => char.charCodeAt(0));
const [openList, closeList, openObject, closeObject] = [...'[]{}'].map(char => char.charCodeAt(0));
/** Tells the user what a file should have been. */
const advice = 'Expected JSON; get the file again';

/**
 * Reads lists at the top level of a JSON file entry by entry. LVIS's file has 1.1 GB, more than a string of
 * JavaScript can hold; this way no more than one entry is in memory. Other fields are passed over unchecked.
 *
 * @param visit gets each entry of the named lists, its index in the list, and its place in the file
 * @returns the names of the lists that the file has
 * @throws UserError where the file cannot be read, is cut off or is not JSON
 */
export function readJsonLists(
  path: string,
  names: readonly string[],
  visit: (name: string, entry: unknown, index: number, span: Span) => void,
): Set<string> {
  const found = new Set<string>();
  const file = openFile(path);
  try {
    const scanner = new Scanner(file);
    if (scanner.token() !== openObject) return found;
    scanner.items(closeObject, () => {
      const name = String(scanner.value().parsed);
      scanner.expect(colon);
      if (!names.includes(name) || scanner.token() !== openList) {
        scanner.pass();
        return;
      }
      if (found.has(name)) throw new SyntaxError(`it has two lists "${name}"`);
      found.add(name);
      let index = 0;
      scanner.items(closeList, () => {
        const { parsed, span } = scanner.value();
        visit(name, parsed, index++, span);
      });
    });
    if (scanner.token() >= 0) throw new SyntaxError('there is more after its end');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UserError(`cannot use ${path}: ${error.message}. ${advice}`, { cause: error });
  } finally {
    closeSync(file);
  }
  return found;
}

/**
 * Reads again values that `readJsonLists` came past.
 *
 * @throws UserError where the file has changed since
 */
export async function readJsonValues(path: string, spans: readonly Span[]): Promise<unknown[]> {
  if (spans.length === 0) return [];
  const values = [];
  try {
    const file = await open(path);
    try {
      for (const { start, end } of spans) {
        const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
        values.push(JSON.parse(buffer.toString('utf8')));
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    const reason = (error as Error).message;
    throw new UserError(`cannot read ${path} again (${reason}): it changed while it was in use. Start again`, {
      cause: error,
    });
  }
  return values;
}

/** Walks over the values of a file, holding a few megabytes of it. */
class Scanner {
  private readonly file: number;
  private bytes: Buffer = Buffer.alloc(0);
  /** Place in the file of `bytes[0]`. */
  private origin = 0;
  private at = 0;
  /** Bytes from here on are still needed. */
  private kept = 0;

  constructor(file: number) {
    this.file = file;
  }

  /** The next byte that is not white space, which stays; -1 at the end of the file. */
  token(): number {
    for (;;) {
      const byte = this.peek();
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.kept = ++this.at;
    }
  }

  expect(byte: number): void {
    const found = this.token();
    if (found < 0) throw endsEarly();
    if (found !== byte) {
      const [given, wanted] = [found, byte].map(code => JSON.stringify(String.fromCharCode(code)));
      throw new SyntaxError(`${given} at byte ${this.origin + this.at}, where JSON has ${wanted}`);
    }
    this.kept = ++this.at;
  }

  /** Passes the opening bracket that is next, the items one by one, and the closing bracket. */
  items(close: number, item: () => void): void {
    this.kept = ++this.at;
    if (this.token() !== close) {
      item();
      while (this.token() === comma) {
        this.kept = ++this.at;
        item();
      }
    }
    this.expect(close);
  }

  /** The next value. */
  value(): { parsed: unknown; span: Span } {
    this.token();
    this.kept = this.at;
    const start = this.origin + this.at;
    this.skip(true);
    const end = this.origin + this.at;
    try {
      return { parsed: JSON.parse(this.bytes.toString('utf8', this.kept, this.at)), span: { start, end } };
    } catch (error) {
      throw new SyntaxError(`at byte ${start}: ${(error as Error).message}`);
    }
  }

  /** Goes past the next value without keeping it. */
  pass(): void {
    this.token();
    this.skip(false);
  }

  private skip(keep: boolean): void {
    let { bytes, at } = this;
    let depth = 0;
    let quoted = false;
    for (; ; at++) {
      while (at >= bytes.length) {
        // an escape may have gone one beyond
        const beyond = at - bytes.length;
        this.at = bytes.length;
        if (!keep) this.kept = this.at;
        if (!this.more()) throw endsEarly();
        bytes = this.bytes;
        at = this.at + beyond;
      }
      const byte = bytes[at];
      if (quoted) {
        if (byte === backslash) at++;
        else if (byte === quote) {
          quoted = false;
          if (depth === 0) break;
        }
      } else if (byte === quote) quoted = true;
      else if (byte === openList || byte === openObject) depth++;
      else if (byte === closeList || byte === closeObject) {
        if (depth === 0) {
          this.moveTo(at, keep);
          return;
        }
        if (--depth === 0) break;
      } else if (depth === 0 && (byte === comma || byte <= 0x20)) {
        this.moveTo(at, keep);
        return;
      }
    }
    this.moveTo(at + 1, keep);
  }

  private moveTo(at: number, keep: boolean): void {
    this.at = at;
    if (!keep) this.kept = at;
  }

  private peek(): number {
    if (this.at === this.bytes.length && !this.more()) return -1;
    return this.bytes[this.at];
  }

  private more(): boolean {
    const rest = this.bytes.subarray(this.kept);
    // as much again as is kept, so that a long entry is not copied over and over
    const next = Buffer.allocUnsafe(rest.length + Math.max(chunkSize, rest.length));
    rest.copy(next);
    const count = readSync(this.file, next, rest.length, next.length - rest.length, null);
    this.origin += this.kept;
    this.at -= this.kept;
    this.kept = 0;
    this.bytes = next.subarray(0, rest.length + count);
    return count > 0;
  }
}

function endsEarly(): SyntaxError {
  return new SyntaxError('its JSON ends early, the file is cut off');
}

function openFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new UserError(`cannot read ${path}: ${(error as Error).message}. Check that the dataset is complete`, {
      cause: error,
    });
  }
}
