// Headless Chrome or Chromium, driven through playwright-core: finds it, opens a page (web/driven.ts) and runs one of
// its commands. A server on the loopback address has the page, the weights and what else the page may read; results come
// back one by one.

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import * as v from 'valibot';
import { EXIT, type ExitClass, StreamscopeError } from '../error.ts';
import { fromJson, toJson } from '../model/arrayJson.ts';
import { pageMount } from './serve.ts';
import { type Mount, serveFiles } from './staticFiles.ts';

const NAMES = ['google-chrome', 'google-chrome-stable', 'chromium', 'chromium-browser', 'chrome'];
const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/** No look at the network, nothing of the user's; WebGPU also where Chrome would rather not. */
const FLAGS = [
  '--enable-unsafe-webgpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The browser to drive: the one named, else the first on PATH. Throws unavailable. */
export function findChrome(named?: string, path = process.env.PATH ?? ''): string {
  if (named !== undefined) {
    if (existsSync(named)) return named;
    throw new StreamscopeError(
      'unavailable',
      `There is no browser at ${named}.`,
      'Give the program itself with --chrome.',
    );
  }
  const candidates = path.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const found = [...candidates, ...PLACES].find((candidate) => existsSync(candidate));
  if (found) return found;
  throw new StreamscopeError(
    'unavailable',
    'Neither Chrome nor Chromium was found.',
    'Install one (Debian: apt-get install chromium), or name it with --chrome.',
  );
}

export interface DriveOptions {
  /** the browser's program */
  chrome?: string;
  /** the weights file */
  weights: string;
  /** the bundle with the page; the product's own when absent */
  page?: Mount;
  /** what else the page may read */
  mounts?: readonly Mount[];
}

const endingSchema = v.union([
  v.object({ adapter: v.string() }),
  v.object({ message: v.string(), hint: v.optional(v.string()), exitClass: v.string() }),
]);

/** What the page is answered; what they throw ends the command. */
export interface Handlers {
  onResult: (result: unknown) => Promise<void>;
  onProgress?: (done: number, total: number) => void;
  /** what the page asks for */
  onInput?: (request: unknown) => Promise<unknown>;
}

/**
 * Opens headless.html of a bundle, runs one of its commands there and closes everything. Returns the adapter's name.
 * Throws what the page and the handlers throw, unavailable without a browser, and an abort of the signal.
 */
export async function drive(
  { chrome, weights, page: bundle = pageMount(), mounts = [] }: DriveOptions,
  handlers: Handlers,
  signal: AbortSignal,
  command: string,
  ...settings: unknown[]
): Promise<string> {
  const program = findChrome(chrome);
  const all = [bundle, { prefix: 'weights', path: weights, scripts: false }, ...mounts];
  const server = await serveFiles(all, { port: 0, address: '127.0.0.1' });
  const profile = await mkdtemp(join(tmpdir(), 'streamscope-chrome-'));
  let context: BrowserContext | undefined;
  try {
    context = await launch(program, profile);
    const page = context.pages()[0] ?? (await context.newPage());
    const failures = await expose(page, handlers);
    await page.goto(`${server.url}headless.html`);
    const onAbort = () => void page.evaluate('streamscope.stop()').catch(() => {});
    signal.addEventListener('abort', onAbort, { once: true });
    const ending = await run(page, command, settings)
      .catch((error: unknown) => {
        signal.throwIfAborted(); // whoever stops the command may have ended the browser as well
        throw error;
      })
      .finally(() => signal.removeEventListener('abort', onAbort));
    if (failures.length > 0) throw failures[0];
    signal.throwIfAborted();
    if ('adapter' in ending) return ending.adapter;
    throw new StreamscopeError(exitClassOf(ending.exitClass), `In Chrome: ${ending.message}`, ending.hint);
  } finally {
    await context?.close().catch(() => {});
    await server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Puts the handlers into the page. Returns what they threw: the page only learns that they failed. */
async function expose(page: Page, { onResult, onProgress, onInput }: Handlers): Promise<unknown[]> {
  const failures: unknown[] = [];
  const noted = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      failures.push(error);
      throw error;
    }
  };
  await page.exposeFunction('driverResult', (result: unknown) => noted(() => onResult(fromJson(result))));
  await page.exposeFunction('driverInput', (request: unknown) =>
    noted(async () => toJson(await onInput?.(request))),
  );
  await page.exposeFunction('driverProgress', (done: number, total: number) => onProgress?.(done, total));
  return failures;
}

async function launch(program: string, profile: string): Promise<BrowserContext> {
  const adapter = process.env.STREAMSCOPE_ADAPTER;
  // Chrome refuses to run as root inside its sandbox
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  try {
    return await chromium.launchPersistentContext(profile, {
      executablePath: program,
      headless: true,
      // a signal stops the command, which then closes the browser
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
      args: [...FLAGS, ...asRoot, ...(adapter ? [`--use-webgpu-adapter=${adapter}`] : [])],
    });
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new StreamscopeError(
      'unavailable',
      `${program} could not be started: ${reason}`,
      'See docs/explorer.md.',
    );
  }
}

async function run(
  page: Page,
  command: string,
  settings: unknown[],
): Promise<v.InferOutput<typeof endingSchema>> {
  const crashed = new Promise<never>((_, fail) => {
    page.once('crash', () =>
      fail(new StreamscopeError('stopped', 'The page in Chrome crashed.', 'Run the same command again.')),
    );
  });
  const call = `streamscope.${command}(...${JSON.stringify(settings)})`;
  return v.parse(endingSchema, await Promise.race([page.evaluate(call), crashed]));
}

const exitClassOf = (name: string): ExitClass =>
  name in EXIT && name !== 'done' ? (name as ExitClass) : 'bug';
