import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a source does with a request; `times` is how often it was asked before. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse, times: number) => void;

export interface Seen {
  path: string;
  range?: string;
  ifRange?: string;
  authorization?: string;
}

/** A server on this machine whose every path behaves as it is told. */
export class UnreliableServer {
  readonly seen: Seen[] = [];
  private readonly behaviours = new Map<string, Behaviour>();
  private readonly server = createServer((request, response) => {
    const { url: path = '', headers } = request;
    const times = this.requests(path);
    const { range, 'if-range': ifRange, authorization } = headers;
    this.seen.push({ path, range, ifRange: ifRange as string | undefined, authorization });
    const behaviour = this.behaviours.get(path);
    if (behaviour) behaviour(request, response, times);
    else response.writeHead(404).end('no such file');
  });

  async start(): Promise<void> {
    await new Promise<void>(resolve => this.server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise(resolve => this.server.close(resolve));
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Lets a path behave so, and gives its URL. */
  on(path: string, behaviour: Behaviour): string {
    this.behaviours.set(path, behaviour);
    return this.origin + path;
  }

  requests(path: string): number {
    return this.seen.filter(each => each.path === path).length;
  }
}

/** A good server: the file, with ETag and ranges, which it gives only if the condition holds. */
export const serves =
  (data: Buffer, { etag = '"1"' as string | undefined } = {}): Behaviour =>
  (request, response) => {
    const { range, 'if-range': condition } = request.headers;
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? -1);
    const headers = etag ? { etag } : {};
    if (start >= data.length) {
      response.writeHead(416, { ...headers, 'content-range': `bytes */${data.length}` }).end();
    } else if (start >= 0 && (condition === undefined || condition === etag)) {
      const contentRange = `bytes ${start}-${data.length - 1}/${data.length}`;
      response.writeHead(206, { ...headers, 'content-range': contentRange, 'content-length': data.length - start });
      response.end(data.subarray(start));
    } else {
      response.writeHead(200, { ...headers, 'content-length': data.length }).end(data);
    }
  };

/** Sends so many bytes of the file (from where it is asked to) and breaks the connection. */
export const breaksOffAfter =
  (data: Buffer, count: number, etag = '"1"'): Behaviour =>
  (request, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = data.subarray(start);
    const range = `bytes ${start}-${data.length - 1}/${data.length}`;
    response.writeHead(start ? 206 : 200, {
      etag,
      'content-length': rest.length,
      ...(start ? { 'content-range': range } : {}),
    });
    // a reset would throw away what the other side has not read yet, as would an end that it hears of before it has read all
    response.write(rest.subarray(0, count), () => setTimeout(() => response.socket?.end(), 100));
  };

/** Sends so many bytes of the file, then nothing more, and keeps the connection. */
export const stallsAfter =
  (data: Buffer, count: number, etag = '"1"'): Behaviour =>
  (_, response) => {
    response.writeHead(200, { etag, 'content-length': data.length });
    response.write(data.subarray(0, count));
  };

/** One behaviour after the other, the last one from then on. */
export const inTurn =
  (...behaviours: Behaviour[]): Behaviour =>
  (request, response, times) =>
    behaviours[Math.min(times, behaviours.length - 1)](request, response, times);

export const status =
  (code: number, headers: Record<string, string> = {}): Behaviour =>
  (_, response) => {
    response.writeHead(code, headers).end(`status ${code}`);
  };
