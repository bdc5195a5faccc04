// The explorer page, served by the command line and opened in headless Chrome or Chromium.

import { type ChildProcess, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { findChrome } from '../../src/cli/chrome.ts';

const root = resolve(import.meta.dirname, '../..');

/** Chrome's software adapter as well. */
const WITH_WEBGPU = ['--enable-unsafe-webgpu'];

export interface OpenedChrome {
  browser: Browser;
  url: string;
  /** a page of its own, with the address' fragment */
  open(fragment?: string, viewport?: { width: number; height: number }): Promise<Page>;
  close(): Promise<void>;
}

/** Starts `streamscope serve` and a browser with these flags. The bundle must be built. */
export async function openChrome(
  flags: readonly string[] = WITH_WEBGPU,
  serveArguments: readonly string[] = [],
): Promise<OpenedChrome> {
  const command = [join(root, 'dist/streamscope.js'), 'serve', '--port', '0', ...serveArguments];
  const server = spawn(process.execPath, command);
  const url = await firstLine(server);
  const browser = await chromium.launch({
    executablePath: findChrome(),
    args: ['--no-sandbox', '--disable-background-networking', '--disable-sync', ...flags],
  });
  return {
    browser,
    url,
    async open(fragment = '', viewport = { width: 1440, height: 1000 }) {
      const page = await browser.newPage({ viewport });
      await page.goto(url + fragment);
      return page;
    },
    async close() {
      await browser.close();
      server.kill();
    },
  };
}

const firstLine = (server: ChildProcess): Promise<string> =>
  new Promise((done, fail) => {
    server.stdout!.once('data', (data) => done(String(data).trim()));
    server.once('exit', (code) => fail(new Error(`serve ended with ${code}`)));
  });
