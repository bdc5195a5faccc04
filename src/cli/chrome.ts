// `--host chrome`: the same functions in headless Chrome or Chromium, driven through playwright-core. A server on the
// loopback address has the page, the weights and the goldens; results come back one by one, and the files of a run are
// written here, as in Node.

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import * as v from 'valibot';
import type { Row } from '../analysis/verify.ts';
import { EXIT, type ExitClass, StreamscopeError } from '../error.ts';
import type { CampaignSettings, ImageTask } from '../visualization/campaign.ts';
import type { WrittenImage } from './runFolder.ts';
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

export interface ChromeOptions {
  /** the browser's program */
  chrome?: string;
  /** the weights file */
  weights: string;
  goldens?: string;
}

const endingSchema = v.union([
  v.object({ adapter: v.string() }),
  v.object({ message: v.string(), hint: v.optional(v.string()), exitClass: v.string() }),
]);

type Handlers = { onResult: (result: unknown) => Promise<void>; onProgress?: (stepsDone: number) => void };

/** Opens the headless page, runs one of its commands there and closes everything. Returns the adapter's name. */
async function drive(
  { chrome, weights, goldens }: ChromeOptions,
  { onResult, onProgress }: Handlers,
  signal: AbortSignal,
  command: 'verify' | 'visualize',
  ...settings: unknown[]
): Promise<string> {
  const program = findChrome(chrome);
  const mounts: Mount[] = [
    pageMount(),
    { prefix: 'weights', path: weights, scripts: false },
    ...(goldens ? [{ prefix: 'goldens/', path: goldens, scripts: false }] : []),
  ];
  const server = await serveFiles(mounts, { port: 0, address: '127.0.0.1' });
  const profile = await mkdtemp(join(tmpdir(), 'streamscope-chrome-'));
  let context: BrowserContext | undefined;
  try {
    context = await launch(program, profile);
    const page = context.pages()[0] ?? (await context.newPage());
    let failure: unknown;
    const handled = async (result: unknown) => {
      await onResult(result).catch((error: unknown) => {
        failure ??= error;
        throw error;
      });
    };
    await page.exposeFunction('driverResult', handled);
    await page.exposeFunction('driverProgress', (stepsDone: number) => onProgress?.(stepsDone));
    await page.goto(`${server.url}headless.html`);
    const onAbort = () => void page.evaluate('streamscope.stop()').catch(() => {});
    signal.addEventListener('abort', onAbort, { once: true });
    const ending = await run(page, command, settings).finally(() =>
      signal.removeEventListener('abort', onAbort),
    );
    if (failure) throw failure;
    signal.throwIfAborted();
    if ('adapter' in ending) return ending.adapter;
    throw new StreamscopeError(exitClassOf(ending.exitClass), `In Chrome: ${ending.message}`, ending.hint);
  } finally {
    await context?.close().catch(() => {});
    await server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function launch(program: string, profile: string): Promise<BrowserContext> {
  const adapter = process.env.STREAMSCOPE_ADAPTER;
  // Chrome refuses to run as root inside its sandbox
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  try {
    return await chromium.launchPersistentContext(profile, {
      executablePath: program,
      headless: true,
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

const rowSchema = v.object({
  group: v.picklist(['image', 'transform', 'tap', 'gradient', 'trajectory']),
  name: v.string(),
  // JSON has no NaN
  error: v.pipe(
    v.nullable(v.number()),
    v.transform((error) => error ?? Number.NaN),
  ),
  bound: v.number(),
  place: v.optional(v.string()),
  measure: v.string(),
});

/** The rows of `verify` as Chrome computes them; returns the adapter. */
export const verifyInChrome = (
  options: ChromeOptions & { goldens: string },
  onRow: (row: Row) => void,
  signal: AbortSignal,
): Promise<string> =>
  drive(options, { onResult: async (row) => onRow(v.parse(rowSchema, row)) }, signal, 'verify');

const imageSchema = v.object({
  at: v.pipe(v.number(), v.integer()),
  jitter: v.number(),
  attempts: v.array(v.object({ seed: v.number(), status: v.picklist(['ok', 'dead', 'diverged']) })),
  status: v.picklist(['ok', 'dead', 'diverged']),
  activation: v.optional(v.number()),
  first: v.nullish(v.number()),
  last: v.nullish(v.number()),
  image: v.string(),
  pixels: v.string(),
  adapter: v.string(),
});

/** What `visualizeImages` makes, made by Chrome, one image after the other. */
export function visualizeInChrome(
  options: ChromeOptions,
  tasks: readonly ImageTask[],
  settings: CampaignSettings,
  handlers: {
    onImage: (result: WrittenImage, adapter: string) => Promise<void>;
    onProgress: (stepsDone: number) => void;
  },
  signal: AbortSignal,
): Promise<string> {
  const wanted = tasks.map(({ unit, objective, index }) => ({
    tap: unit.tap.name,
    channel: unit.channel,
    objective,
    index,
  }));
  const { steps, learningRate, size, jitter, jitterMode, seed, retries, batch } = settings;
  const onResult = async (message: unknown) => {
    const result = v.parse(imageSchema, message);
    const { at, first, last, image, pixels, adapter, ...rest } = result;
    const floats = Buffer.from(image, 'base64');
    const ascent = {
      image: new Float32Array(Uint8Array.from(floats).buffer),
      objective: Float32Array.of(first ?? Number.NaN, last ?? Number.NaN),
    };
    const bytes = Uint8Array.from(Buffer.from(pixels, 'base64'));
    await handlers.onImage({ ...rest, task: tasks[at], ascent, pixels: bytes }, adapter);
  };
  const campaign = { steps, learningRate, size, jitter, jitterMode, seed, retries, batch };
  return drive(options, { onResult, onProgress: handlers.onProgress }, signal, 'visualize', wanted, campaign);
}
