// The server of the page: its files, the run folder's, and nothing else.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type StaticServer, segmentsOf, serveFiles } from '../../src/cli/staticFiles.ts';

const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
let server: StaticServer;
let port: number;

beforeAll(async () => {
  for (const path of ['page', 'run/sub', 'run-secret']) mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(join(folder, 'page/index.html'), '<h1>page</h1>');
  writeFileSync(join(folder, 'page/a.js'), 'x');
  writeFileSync(join(folder, 'run/report.html'), '<p>');
  writeFileSync(join(folder, 'run/sub/a b.npy'), Uint8Array.of(1, 2, 255));
  writeFileSync(join(folder, 'run/.hidden'), 'secret');
  writeFileSync(join(folder, 'run-secret/file.json'), 'secret');
  writeFileSync(join(folder, 'secret.json'), 'secret');
  writeFileSync(join(folder, 'one.bin'), 'one');
  symlinkSync(join(folder, 'secret.json'), join(folder, 'run/out.json'));
  symlinkSync(join(folder, 'run-secret'), join(folder, 'run/elsewhere'));
  symlinkSync(join(folder, 'run/report.html'), join(folder, 'run/inside.html'));
  server = await serveFiles(
    [
      { prefix: '', path: join(folder, 'page'), scripts: true },
      { prefix: 'run/', path: join(folder, 'run'), scripts: false },
      { prefix: 'weights', path: join(folder, 'one.bin'), scripts: false },
    ],
    { port: 0, address: '127.0.0.1' },
  );
  port = Number(new URL(server.url).port);
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** As `fetch`, which would tidy the path up before it is sent. */
const get = (path: string, { method = 'GET', host = `127.0.0.1:${port}` } = {}): Promise<Answer> =>
  new Promise((done, fail) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers: { host } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () =>
        done({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    sent.on('error', fail);
    sent.end();
  });

test('serves the page, the run folder and a single file, with their types', async () => {
  const page = await get('/');
  expect([page.status, String(page.body)]).toEqual([200, '<h1>page</h1>']);
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    'content-length': '13',
  });
  expect((await get('/a.js?version=1')).headers['content-type']).toBe('text/javascript; charset=utf-8');
  const array = await get('/run/sub/a%20b.npy');
  expect([...array.body]).toEqual([1, 2, 255]);
  expect(array.headers['content-type']).toBe('application/octet-stream');
  expect(String((await get('/weights')).body)).toBe('one');
  expect((await get('/run/inside.html')).status).toBe(200);
});

test('lets no other origin read, and no page of a run folder run scripts', async () => {
  const [page, report] = [await get('/'), await get('/run/report.html')];
  for (const { headers } of [page, report])
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  expect(page.headers['content-security-policy']).toContain("default-src 'self'");
  expect(report.headers['content-security-policy']).toContain('sandbox');
  expect(report.headers['content-security-policy']).not.toContain('script-src');
});

test.each([
  ['/nothing.html', 404],
  ['/run', 404],
  ['/run/', 404],
  ['/run/sub', 404],
  ['/weights/', 404],
  ['/weights/x', 404],
  ['/run/../secret.json', 400],
  ['/run/%2e%2e/secret.json', 400],
  ['/run/..%2fsecret.json', 400],
  ['/run/..%5csecret.json', 400],
  ['/../secret.json', 400],
  ['/run//report.html', 400],
  ['/run/.hidden', 400],
  ['/run/%00', 400],
  ['/run/%zz', 400],
  ['/run/C:/x', 400],
  ['/run/out.json', 404],
  ['/run/elsewhere/file.json', 404],
  ['/run-secret/file.json', 404],
])('%s is refused with %i, in words, and tells nothing', async (path, status) => {
  const answer = await get(path);
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
  expect(String(answer.body)).toMatch(/^(There is no file|This is not a path).*\.\n$/);
  expect(String(answer.body)).not.toContain(folder);
});

test('refuses other methods, other names, and whatever is not a path', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
    expect((await get('/', { method })).status).toBe(405);
  expect((await get('/', { host: 'evil.example' })).status).toBe(403);
  expect((await get('/', { host: `localhost:${port}` })).status).toBe(200);
  expect((await get('http://evil.example/')).status).toBe(400);
  const head = await get('/', { method: 'HEAD' });
  expect([head.status, head.body.length]).toEqual([200, 0]);
  expect(segmentsOf('/a/b/')).toEqual(['a', 'b', 'index.html']);
});

test('listens on the loopback address alone, and says so when the port is taken', async () => {
  expect(server.url).toBe(`http://127.0.0.1:${port}/`);
  await expect(serveFiles([], { port, address: '127.0.0.1' })).rejects.toThrow(
    `Port ${port} of 127.0.0.1 is taken.`,
  );
  await server.close();
  const refused = await new Promise((done) => {
    connect(port, '127.0.0.1')
      .on('error', () => done(true))
      .on('connect', () => done(false));
  });
  expect(refused).toBe(true);
});
