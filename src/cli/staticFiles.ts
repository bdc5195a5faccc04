// A static file server of a few mounts, for one machine's own use: the bundle of the page, a run folder, single files.
//
// It answers GET and HEAD for files below its mounts and nothing else: names are checked segment by segment, and what a
// link leads to must lie below the mount as well. It listens on the loopback address, answers only to that name (a page
// of another site cannot reach it by a name of its own), and sends no header that would let another origin read it.

import { readFile, realpath, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, sep } from 'node:path';
import { StreamscopeError } from '../error.ts';

/** Files below `folder` under `/prefix/`, or one file as `/prefix`. */
export interface Mount {
  /** '' or 'run/' for a folder, 'weights' for a file */
  prefix: string;
  path: string;
  /** whether pages of this mount may run the scripts beside them: the bundle's may, a run folder's may not */
  scripts: boolean;
}

export interface StaticServer {
  /** 'http://127.0.0.1:8420/' */
  url: string;
  close(): Promise<void>;
}

export interface ListenOptions {
  port: number;
  /** an address of this machine */
  address: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.csv': 'text/csv; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
};

const POLICY = {
  scripts:
    "default-src 'self'; script-src 'self'; img-src 'self' blob: data:; style-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
  // a report is words, styles and pictures: what else a run folder holds came from who knows where
  plain: "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; sandbox allow-downloads",
};

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]', '::1'];

/** Throws io when the port cannot be had. */
export async function serveFiles(
  mounts: readonly Mount[],
  { port, address }: ListenOptions,
): Promise<StaticServer> {
  const isLoopback = LOOPBACK.includes(address);
  const server = createServer((request, response) => {
    answer(mounts, isLoopback, request, response).catch(() =>
      refuse(response, 500, 'This file cannot be read.'),
    );
  });
  await listen(server, port, address);
  const { port: given } = server.address() as AddressInfo;
  const name = address.includes(':') ? `[${address.replace(/[[\]]/g, '')}]` : address;
  return {
    url: `http://${name}:${given}/`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number, address: string): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      const message = taken
        ? `Port ${port} of ${address} is taken.`
        : `Cannot listen on port ${port} of ${address}: ${error.message}.`;
      fail(new StreamscopeError('io', message, 'Choose another with --port; 0 takes any that is free.'));
    });
    server.listen(port, address.replace(/[[\]]/g, ''), done);
  });
}

async function answer(
  mounts: readonly Mount[],
  isLoopback: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return refuse(response, 405, `This server answers GET and HEAD, not ${request.method}.`);
  }
  const name = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (isLoopback && !LOOPBACK.includes(name))
    return refuse(response, 403, `This server is called ${LOOPBACK[0]} or ${LOOPBACK[1]}.`);
  const segments = segmentsOf(request.url ?? '/');
  if (!segments) return refuse(response, 400, 'This is not a path of a file.');
  const found = await findFile(mounts, segments);
  if (!found) return refuse(response, 404, `There is no file /${segments.join('/')}.`);
  const bytes = await readFile(found.path);
  setHeaders(
    response,
    TYPES[extname(found.path).toLowerCase()] ?? 'application/octet-stream',
    found.mount.scripts,
  );
  response.setHeader('Content-Length', bytes.length);
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/**
 * The decoded segments of a request's path, 'index.html' added to a folder's; undefined for anything but plain names:
 * '..', hidden files, backslashes, NUL, an encoded slash, a broken encoding.
 */
export function segmentsOf(url: string): string[] | undefined {
  const path = url.split(/[?#]/)[0];
  if (!path.startsWith('/')) return undefined;
  try {
    const segments = path.slice(1).split('/').map(decodeURIComponent);
    if (segments.at(-1) === '') segments[segments.length - 1] = 'index.html';
    const isPlain = (segment: string) =>
      segment !== '' && !segment.startsWith('.') && !/[/\\:\0]/.test(segment);
    return segments.every(isPlain) ? segments : undefined;
  } catch {
    return undefined;
  }
}

/** The file that a path leads to, or undefined: the mount with the longest prefix decides alone. */
async function findFile(
  mounts: readonly Mount[],
  segments: readonly string[],
): Promise<{ path: string; mount: Mount } | undefined> {
  const path = segments.join('/');
  const mount = mounts
    .filter(({ prefix }) =>
      prefix === '' || prefix.endsWith('/') ? path.startsWith(prefix) : path === prefix,
    )
    .sort((a, b) => b.prefix.length - a.prefix.length)[0];
  if (!mount) return undefined;
  try {
    const root = await realpath(mount.path);
    const file = path === mount.prefix ? root : await realpath(join(root, path.slice(mount.prefix.length)));
    const isBelow = file === root || file.startsWith(root.endsWith(sep) ? root : root + sep);
    return isBelow && (await stat(file)).isFile() ? { path: file, mount } : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function setHeaders(response: ServerResponse, type: string, scripts: boolean): void {
  response.setHeader('Content-Type', type);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Content-Security-Policy', scripts ? POLICY.scripts : POLICY.plain);
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  response.statusCode = status;
  setHeaders(response, 'text/plain; charset=utf-8', false);
  response.end(`${sentence}\n`);
}
