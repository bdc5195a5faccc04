// Downloads a weights file so that a bad file never gets its final name: bytes go to FILE.part, and FILE.part is
// renamed only after its SHA-256 begins with the expected digits and the disk has it (fsync).
// FILE.part.json (url, etag, total) says what FILE.part is the beginning of. A later run continues with Range and
// If-Range on the strong ETag, and starts over when the server answers with the whole file or another version.
// One process per folder: two that fetch the same file at once spoil each other's part, which the hash then refuses.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as v from 'valibot';
import { StreamscopeError } from '../error.ts';

const AGAIN = 'Run the same command again to continue where it stopped.';

export interface FetchWeightsRequest {
  readonly url: string;
  /** Hex digits that the SHA-256 of the file must begin with. */
  readonly sha256Prefix: string;
  readonly directory: string;
  /** What messages call the weights; the file name otherwise. */
  readonly name?: string;
  /** Final file name; the last part of the URL otherwise. */
  readonly file?: string;
  /** Bytes on disk so far, and in all where the server says so. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
  readonly fetch?: typeof globalThis.fetch;
}

export interface FetchedWeights {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly status: 'present' | 'downloaded' | 'resumed';
}

interface Job extends FetchWeightsRequest {
  readonly label: string;
  readonly path: string;
  readonly part: string;
  readonly notes: string;
}

const notesSchema = v.object({
  url: v.string(),
  etag: v.nullable(v.string()),
  total: v.nullable(v.number()),
});
type Notes = v.InferOutput<typeof notesSchema>;

/**
 * Makes sure that the weights are in the folder: verifies a file that is there, resumes or starts a download otherwise.
 * @throws StreamscopeError unavailable (network, server, wrong hash), io (disk), badInput (another file has the name).
 */
export async function fetchWeights(request: FetchWeightsRequest): Promise<FetchedWeights> {
  const job = planJob(request);
  await onDisk(job, mkdir(job.directory, { recursive: true }));
  const present = await sizeOf(job, job.path);
  if (present !== undefined) return await verifyPresent(job, present);
  const before = await resumePoint(job);
  const isComplete = before !== undefined && before.size === before.notes.total;
  const resumed = isComplete || (await download(job, before));
  const sha256 = await verifyPart(job);
  const bytes = await publish(job);
  return { path: job.path, bytes, sha256, status: resumed ? 'resumed' : 'downloaded' };
}

function planJob(request: FetchWeightsRequest): Job {
  const file = request.file ?? (URL.canParse(request.url) ? basename(new URL(request.url).pathname) : '');
  if (!/^\w[\w.-]*$/.test(basename(file)) || basename(file) !== file) {
    throw new StreamscopeError('usage', `fetchWeights: ${JSON.stringify(file)} is not a plain file name.`);
  }
  const path = join(request.directory, file);
  return { ...request, label: request.name ?? file, path, part: `${path}.part`, notes: `${path}.part.json` };
}

async function onDisk<T>(job: Job, operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (cause) {
    const message = `fetchWeights: ${job.label}: disk trouble in ${job.directory}: ${(cause as Error).message}.`;
    throw new StreamscopeError('io', message, 'Is the folder writable, and is there room?', { cause });
  }
}

async function sizeOf(job: Job, path: string): Promise<number | undefined> {
  const found = stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return (await onDisk(job, found))?.size;
}

async function hashFile(job: Job, path: string): Promise<string> {
  const hash = createHash('sha256');
  const read = async () => {
    for await (const chunk of createReadStream(path)) hash.update(chunk);
  };
  await onDisk(job, read());
  return hash.digest('hex');
}

async function verifyPresent(job: Job, bytes: number): Promise<FetchedWeights> {
  const sha256 = await hashFile(job, job.path);
  if (!sha256.startsWith(job.sha256Prefix)) {
    const message = `fetchWeights: ${job.path} is there with SHA-256 ${sha256}, expected ${job.sha256Prefix}...`;
    throw new StreamscopeError('badInput', message, 'Move or delete it, then run the command again.');
  }
  return { path: job.path, bytes, sha256, status: 'present' };
}

/** What is left of an earlier download of the same URL, if it can be continued. */
async function resumePoint(job: Job): Promise<{ size: number; notes: Notes } | undefined> {
  const size = await sizeOf(job, job.part);
  const text = await readFile(job.notes, 'utf8').catch(() => '');
  const notes = v.safeParse(v.pipe(v.string(), v.parseJson(), notesSchema), text);
  if (!size || !notes.success || notes.output.url !== job.url) return undefined;
  const { etag, total } = notes.output;
  const canAsk = etag !== null && !etag.startsWith('W/') && (total === null || size <= total);
  return canAsk ? { size, notes: notes.output } : undefined;
}

/** Fills the part file; true when it continued an earlier one. */
async function download(job: Job, before: { size: number; notes: Notes } | undefined): Promise<boolean> {
  const response = await ask(job, before);
  if (before && continues(response, before)) {
    await save(job, response, before.size, before.notes);
    return true;
  }
  if (response.status === 200) {
    await save(job, response, 0, describe(job, response));
    return false;
  }
  await response.body?.cancel().catch(() => {});
  if (before && (response.status === 206 || response.status === 416)) {
    await forget(job);
    return download(job, undefined);
  }
  const hint =
    response.status < 500 ? `Has the file moved? Any copy of it may be put at ${job.path}.` : AGAIN;
  throw unavailable(job, `${job.url} answered ${response.status} ${response.statusText}`.trimEnd(), hint);
}

async function ask(job: Job, before: { size: number; notes: Notes } | undefined): Promise<Response> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (before?.notes.etag) {
    headers.range = `bytes=${before.size}-`;
    headers['if-range'] = before.notes.etag;
  }
  const get = job.fetch ?? globalThis.fetch;
  return await onNetwork(job, get(job.url, { headers }));
}

function unavailable(job: Job, what: string, hint = AGAIN, cause?: unknown): StreamscopeError {
  return new StreamscopeError('unavailable', `fetchWeights: ${job.label}: ${what}.`, hint, { cause });
}

async function onNetwork<T>(job: Job, operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (cause) {
    const error = cause as Error & { cause?: Error };
    throw unavailable(job, `the connection failed (${error.cause?.message || error.message})`, AGAIN, cause);
  }
}

function continues(response: Response, { size, notes }: { size: number; notes: Notes }): boolean {
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  const isSameSize = notes.total === null || range?.[2] === '*' || Number(range?.[2]) === notes.total;
  const isSameVersion = (response.headers.get('etag') ?? notes.etag) === notes.etag;
  return response.status === 206 && Number(range?.[1]) === size && isSameSize && isSameVersion;
}

/** Notes on a whole answer. An encoded one has neither a known length nor bytes that a range could continue. */
function describe(job: Job, response: Response): Notes {
  const { headers } = response;
  if (headers.has('content-encoding')) return { url: job.url, etag: null, total: null };
  const length = headers.get('content-length');
  return { url: job.url, etag: headers.get('etag'), total: length === null ? null : Number(length) };
}

async function save(job: Job, response: Response, begin: number, notes: Notes): Promise<void> {
  const handle = await onDisk(job, open(job.part, begin > 0 ? 'a' : 'w'));
  try {
    if (begin === 0) await onDisk(job, writeFile(job.notes, JSON.stringify(notes)));
    const end = await writeBody(job, response, handle, begin, notes.total ?? undefined);
    if (notes.total !== null && end < notes.total) {
      throw unavailable(job, `the download stopped at ${end} of ${notes.total} bytes`);
    }
  } finally {
    await onDisk(job, handle.close());
  }
}

async function writeBody(
  job: Job,
  response: Response,
  handle: FileHandle,
  begin: number,
  total: number | undefined,
): Promise<number> {
  const reader = response.body?.getReader();
  let done = begin;
  job.onProgress?.(done, total);
  try {
    for (;;) {
      const chunk = reader && (await onNetwork(job, reader.read()));
      if (!chunk || chunk.done) return done;
      await onDisk(job, handle.appendFile(chunk.value));
      done += chunk.value.length;
      if (total !== undefined && done > total) {
        await forget(job);
        throw unavailable(job, `${job.url} sent more than the ${total} bytes it announced`, 'Run it again.');
      }
      job.onProgress?.(done, total);
    }
  } finally {
    await reader?.cancel().catch(() => {});
  }
}

async function verifyPart(job: Job): Promise<string> {
  const sha256 = await hashFile(job, job.part);
  if (sha256.startsWith(job.sha256Prefix)) return sha256;
  await forget(job);
  throw unavailable(
    job,
    `what ${job.url} sent has SHA-256 ${sha256}, expected ${job.sha256Prefix}...; it was deleted`,
    'Run it again. If it fails again, the file behind the URL is another one, or a proxy answers in its place.',
  );
}

async function forget(job: Job): Promise<void> {
  await onDisk(job, rm(job.part, { force: true }));
  await onDisk(job, rm(job.notes, { force: true }));
}

/** Gives the verified part its final name, after its bytes are on disk. Returns its size. */
async function publish(job: Job): Promise<number> {
  await onDisk(job, sync(job.part, 'r+'));
  await onDisk(job, rename(job.part, job.path));
  await sync(job.directory, 'r').catch(() => {}); // the rename itself, where the system can open a directory
  await onDisk(job, rm(job.notes, { force: true }));
  return (await onDisk(job, stat(job.path))).size;
}

async function sync(path: string, flags: string): Promise<void> {
  const handle = await open(path, flags);
  await handle.sync().finally(() => handle.close());
}
