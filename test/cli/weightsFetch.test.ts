import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FetchedWeights, type FetchWeightsRequest, fetchWeights } from '../../src/cli/weightsFetch.ts';
import { StreamscopeError } from '../../src/error.ts';
import { mulberry32 } from '../support/refusals.ts';

const content = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) >> 3);
const sha256 = createHash('sha256').update(content).digest('hex');

/** How the server behaves; tests change it between requests. */
interface Behaviour {
  content: Uint8Array;
  etag: string | undefined;
  ranges: boolean;
  status: number;
  /** Closes the connection when this many bytes of an answer are out. */
  cutAfter: number | undefined;
  chunked: boolean;
}

let server: Server;
let behaviour: Behaviour;
let requests: { range: string | undefined; status: number }[];
let directory: string;
let url: string;

/** Waits until a part of so many bytes is there: what the client has not read when the connection breaks is lost. */
async function onDisk(bytes: number): Promise<void> {
  const size = () =>
    stat(join(directory, 'w.pth.part')).then(
      (found) => found.size,
      () => -1,
    );
  for (let tries = 0; tries < 1000 && (await size()) !== bytes; tries++)
    await new Promise((later) => setTimeout(later, 5));
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { content, etag, ranges, cutAfter, chunked } = behaviour;
  let { status } = behaviour;
  const begin = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const partial = status === 200 && ranges && begin > 0 && request.headers['if-range'] === etag;
  if (partial) status = begin < content.length ? 206 : 416;
  const body = status >= 400 ? new Uint8Array(0) : content.subarray(partial ? begin : 0);
  requests.push({ range: request.headers.range, status });
  response.statusCode = status;
  if (etag) response.setHeader('etag', etag);
  if (status === 206)
    response.setHeader('content-range', `bytes ${begin}-${content.length - 1}/${content.length}`);
  if (!chunked) response.setHeader('content-length', body.length);
  if (cutAfter === undefined) {
    response.end(body);
  } else {
    response.flushHeaders();
    const sent = body.subarray(0, cutAfter);
    response.write(
      sent,
      () => void onDisk((partial ? begin : 0) + sent.length).then(() => response.destroy()),
    );
  }
}

const request = (more: Partial<FetchWeightsRequest> = {}): FetchWeightsRequest => ({
  url,
  sha256Prefix: sha256.slice(0, 8),
  directory,
  file: 'w.pth',
  ...more,
});

/** A fetch that must fail, and its error. */
async function failure(more: Partial<FetchWeightsRequest> = {}): Promise<StreamscopeError> {
  const error = await fetchWeights(request(more)).then(
    () => expect.fail('expected a failure'),
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(StreamscopeError);
  return error as StreamscopeError;
}

const files = async () => (await readdir(directory)).sort();

async function expectComplete(): Promise<void> {
  expect(await files()).toEqual(['w.pth']);
  expect((await readFile(join(directory, 'w.pth'))).equals(content)).toBe(true);
}

beforeEach(async () => {
  behaviour = { content, etag: '"v1"', ranges: true, status: 200, cutAfter: undefined, chunked: false };
  requests = [];
  directory = await mkdtemp(join(tmpdir(), 'streamscope-'));
  server = createServer(answer);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/w-v1.pth`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  await rm(directory, { recursive: true, force: true });
});

describe('fetchWeights', () => {
  it('downloads, verifies and reports progress', async () => {
    const progress: [number, number | undefined][] = [];
    const result = await fetchWeights(request({ onProgress: (done, total) => progress.push([done, total]) }));
    expect(result).toEqual({
      path: join(directory, 'w.pth'),
      bytes: content.length,
      sha256,
      status: 'downloaded',
    });
    expect(progress[0]).toEqual([0, content.length]);
    expect(progress.at(-1)).toEqual([content.length, content.length]);
    await expectComplete();
  });

  it('makes the folder, and takes the name from the URL', async () => {
    const deep = join(directory, 'a', 'b');
    const { path } = await fetchWeights(request({ directory: deep, file: undefined }));
    expect(path).toBe(join(deep, 'w-v1.pth'));
  });

  it('does not ask for a file that is there', async () => {
    await writeFile(join(directory, 'w.pth'), content);
    expect(await fetchWeights(request())).toMatchObject({ status: 'present', sha256, bytes: content.length });
    expect(requests).toEqual([]);
  });

  it('leaves a file that is there with another hash alone', async () => {
    await writeFile(join(directory, 'w.pth'), 'mine');
    const { code, message } = await failure();
    expect([code, message]).toEqual([65, expect.stringContaining('w.pth is there with SHA-256')]);
    expect(await readFile(join(directory, 'w.pth'), 'utf8')).toBe('mine');
  });

  it.each([0, 1, 777, 50_000, 99_999])('resumes after a cut at byte %i', async (cutAfter) => {
    behaviour.cutAfter = cutAfter;
    const { code, message, hint } = await failure();
    expect(code).toBe(69);
    expect(message).toMatch(/the connection failed|stopped at/);
    expect(hint).toMatch(/Run the same command again/);
    expect(await files()).toEqual(['w.pth.part', 'w.pth.part.json']);
    behaviour.cutAfter = undefined;
    expect((await fetchWeights(request())).status).toBe(cutAfter > 0 ? 'resumed' : 'downloaded');
    expect(requests.at(-1)).toEqual(
      cutAfter > 0 ? { range: `bytes=${cutAfter}-`, status: 206 } : { range: undefined, status: 200 },
    );
    await expectComplete();
  });

  it('resumes as often as it takes', async () => {
    behaviour.cutAfter = 9_000;
    for (let i = 0; i < 5; i++) await failure();
    expect((await stat(join(directory, 'w.pth.part'))).size).toBe(45_000);
    behaviour.cutAfter = undefined;
    await fetchWeights(request());
    await expectComplete();
  });

  /** 50 places to cut, of which the same ones come again every time. */
  const cuts = () => {
    const random = mulberry32(1);
    return Array.from({ length: 50 }, () => Math.floor(random() * content.length));
  };
  const isPublished = async () => (await files()).includes('w.pth');

  it('has no file under the final name after any of 50 cuts at random bytes, and resumes', async () => {
    for (const cutAfter of cuts()) {
      behaviour.cutAfter = cutAfter;
      expect((await failure()).code).toBe(69);
      expect(await isPublished()).toBe(false);
      behaviour.cutAfter = undefined;
      expect((await fetchWeights(request())).status).toBe(cutAfter > 0 ? 'resumed' : 'downloaded');
      await expectComplete();
      await rm(join(directory, 'w.pth'));
    }
  }, 60_000);

  const troubles: [string, (b: Behaviour) => void, FetchedWeights['status']][] = [
    ['no ranges', (b) => Object.assign(b, { ranges: false }), 'downloaded'],
    ['another ETag', (b) => Object.assign(b, { etag: '"v2"' }), 'downloaded'],
    ['the same ETag for another file', () => {}, 'resumed'],
  ];
  it.each(troubles)(
    'has none either when the server then has %s',
    async (_, change, status) => {
      for (const cutAfter of cuts()) {
        // the first part is of another file
        Object.assign(behaviour, {
          ranges: true,
          etag: '"v1"',
          cutAfter,
          content: content.map((byte) => byte ^ 1),
        });
        await failure();
        expect(await isPublished()).toBe(false);
        Object.assign(behaviour, { cutAfter: undefined, content });
        change(behaviour);
        if (status === 'resumed') {
          const { code, message } = await failure();
          expect([code, message]).toEqual([69, expect.stringContaining('it was deleted')]);
          expect(await files()).toEqual([]);
        } else {
          expect((await fetchWeights(request())).status).toBe(status);
          await expectComplete();
          await rm(join(directory, 'w.pth'));
        }
      }
    },
    60_000,
  );

  it('has none when the answer is cut and another range comes than was asked for', async () => {
    for (const shift of [-1, 1, 1000]) {
      behaviour.cutAfter = 5_000;
      await failure();
      behaviour.cutAfter = undefined;
      const begin = 5_000 + shift;
      const given = async (_: unknown, init?: RequestInit) => {
        if (!new Headers(init?.headers).has('range'))
          return new Response(content, { headers: { etag: '"v1"' } });
        const range = `bytes ${begin}-${content.length - 1}/${content.length}`;
        return new Response(content.subarray(begin), {
          status: 206,
          headers: { etag: '"v1"', 'content-range': range },
        });
      };
      expect((await fetchWeights(request({ fetch: given as typeof fetch }))).status).toBe('downloaded');
      await expectComplete();
      await rm(join(directory, 'w.pth'));
    }
  });

  it('has none when more comes than was announced, or a part was edited on disk', async () => {
    const more = async () =>
      new Response(new Uint8Array([...content, 0]), { headers: { 'content-length': `${content.length}` } });
    expect((await failure({ fetch: more as typeof fetch })).code).toBe(69);
    expect(await isPublished()).toBe(false);
    behaviour.cutAfter = 5_000;
    await failure();
    await writeFile(join(directory, 'w.pth.part'), new Uint8Array(5_000));
    behaviour.cutAfter = undefined;
    expect((await failure()).message).toMatch(/it was deleted/);
    expect(await files()).toEqual([]);
  });

  const restarts: [string, (b: Behaviour) => void][] = [
    ['the server knows no ranges', (b) => Object.assign(b, { ranges: false })],
    ['the file has changed', (b) => Object.assign(b, { etag: '"v2"' })],
    ['the server has lost its ETag', (b) => Object.assign(b, { etag: undefined })],
  ];

  it.each(restarts)('starts over when %s', async (_, change) => {
    behaviour.cutAfter = 5_000;
    behaviour.content = content.map((byte) => byte ^ 1); // a continued part would have the wrong hash
    await failure();
    Object.assign(behaviour, { cutAfter: undefined, content });
    change(behaviour);
    expect((await fetchWeights(request())).status).toBe('downloaded');
    await expectComplete();
  });

  it.each([undefined, 'W/"weak"'])('does not try to resume with the ETag %s', async (etag) => {
    Object.assign(behaviour, { etag, cutAfter: 5_000 });
    await failure();
    behaviour.cutAfter = undefined;
    await fetchWeights(request());
    expect(requests.at(-1)).toEqual({ range: undefined, status: 200 });
    await expectComplete();
  });

  it('starts over when the part belongs to another URL, or its notes are torn', async () => {
    for (const notes of [
      JSON.stringify({ url: 'https://example.org/', etag: '"v1"', total: 100_000 }),
      '{"url":',
    ]) {
      await writeFile(join(directory, 'w.pth.part'), 'other');
      await writeFile(join(directory, 'w.pth.part.json'), notes);
      expect((await fetchWeights(request())).status).toBe('downloaded');
      await expectComplete();
      await rm(join(directory, 'w.pth'));
    }
  });

  it('starts over when the server refuses the range', async () => {
    const notes = { url, etag: '"v1"', total: null };
    await writeFile(join(directory, 'w.pth.part'), new Uint8Array(content.length + 1));
    await writeFile(join(directory, 'w.pth.part.json'), JSON.stringify(notes));
    expect((await fetchWeights(request())).status).toBe('downloaded');
    expect(requests.map(({ status }) => status)).toEqual([416, 200]);
    await expectComplete();
  });

  it('only verifies a part that is already whole', async () => {
    await writeFile(join(directory, 'w.pth.part'), content);
    await writeFile(
      join(directory, 'w.pth.part.json'),
      JSON.stringify({ url, etag: '"v1"', total: content.length }),
    );
    expect((await fetchWeights(request())).status).toBe('resumed');
    expect(requests).toEqual([]);
    await expectComplete();
  });

  it('deletes what has the wrong hash', async () => {
    const { code, message } = await failure({ sha256Prefix: 'f37072fd', name: 'resnet18' });
    expect([code, message]).toEqual([69, expect.stringMatching(/resnet18: .* expected f37072fd.*deleted/)]);
    expect(await files()).toEqual([]);
  });

  it('never accepts a cut answer whose length is not known', async () => {
    Object.assign(behaviour, { chunked: true, cutAfter: 5_000 });
    expect((await failure()).code).toBe(69);
    Object.assign(behaviour, { cutAfter: undefined });
    await fetchWeights(request());
    await expectComplete();
  });

  it.each([404, 403, 500, 503])('says that the server answered %i, and keeps the part', async (status) => {
    behaviour.cutAfter = 5_000;
    await failure();
    Object.assign(behaviour, { status, cutAfter: undefined });
    const { code, message } = await failure();
    expect([code, message]).toEqual([69, expect.stringContaining(`answered ${status}`)]);
    expect((await stat(join(directory, 'w.pth.part'))).size).toBe(5_000);
  });

  it('says that there is no server', async () => {
    server.closeAllConnections();
    server.close();
    const { code, message } = await failure();
    expect([code, message]).toEqual([69, expect.stringMatching(/the connection failed \(.*ECONNREFUSED/)]);
  });

  it('reports disk trouble as such', async () => {
    await mkdir(join(directory, 'w.pth.part'));
    expect((await failure()).code).toBe(74);
    await writeFile(join(directory, 'file'), '');
    expect((await failure({ directory: join(directory, 'file') })).code).toBe(74);
    if (process.getuid?.() === 0) return; // root may write anywhere
    await chmod(directory, 0o500);
    expect((await failure({ file: 'other.pth' })).code).toBe(74);
    await chmod(directory, 0o700);
  });

  it('refuses a file name that leaves the folder', async () => {
    for (const file of ['../w.pth', 'a/w.pth', '..', '']) expect((await failure({ file })).code).toBe(64);
    for (const url of ['nonsense', 'https://example.org/']) {
      expect((await failure({ url, file: undefined })).code).toBe(64);
    }
  });

  it('uses the fetch it is given', async () => {
    const given = async () => new Response(content, { headers: { etag: '"x"' } });
    await fetchWeights(request({ fetch: given as typeof fetch }));
    expect(requests).toEqual([]);
    await expectComplete();
  });
});
