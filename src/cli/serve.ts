// streamscope serve: the explorer page, and one run folder beside it, until it is stopped.

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StreamscopeError } from '../error.ts';
import { fileError } from './failure.ts';
import { type Mount, serveFiles } from './staticFiles.ts';

export interface ServeOptions {
  run?: string;
  port: number;
  listen: string;
}

/** The page's bundle: `dist/web`, beside the command line's. */
export const webFolder = resolve(dirname(fileURLToPath(import.meta.url)), '..', 'dist', 'web');

/** The mount of the page. Throws unavailable when it was not built. */
export function pageMount(): Mount {
  if (!existsSync(join(webFolder, 'index.html')))
    throw new StreamscopeError(
      'unavailable',
      `The page is not built: ${webFolder} has no index.html.`,
      'Run npm run build.',
    );
  return { prefix: '', path: webFolder, scripts: true };
}

async function runMount(run: string): Promise<Mount> {
  const found = await stat(run).catch((error: unknown) => {
    throw fileError('read', run, error);
  });
  if (!found.isDirectory())
    throw new StreamscopeError(
      'usage',
      `${run} is a file, expected a run folder.`,
      'Give the folder that --out named.',
    );
  return { prefix: 'run/', path: run, scripts: false };
}

/** Prints the address on stdout; ends when the signal aborts. Throws usage, unavailable, io. */
export async function serve({ run, port, listen }: ServeOptions, signal: AbortSignal): Promise<void> {
  const mounts = [pageMount(), ...(run === undefined ? [] : [await runMount(run)])];
  const server = await serveFiles(mounts, { port, address: listen });
  console.log(server.url);
  console.error(`The explorer${run ? ` with ${run}` : ''}; Ctrl-C ends it.`);
  if (!signal.aborted) await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
  await server.close();
}
