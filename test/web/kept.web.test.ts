// The page on a static server, without Node's command line behind it: what it makes is there after a reload, and
// everything it keeps is exported as one zip file, whose folders `visualize` takes as its own.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findChrome } from '../../src/cli/chrome.ts';
import { type StaticServer, serveFiles } from '../../src/cli/staticFiles.ts';
import { parseNpy } from '../../src/model/npy.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { readZip } from '../../src/model/zip.ts';
import { toBytes } from '../../src/visualization/pixels.ts';
import { runCommand } from '../support/commandLine.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
const weightsFile = join(folder, 'small.safetensors');
let server: StaticServer;
let context: BrowserContext;

beforeAll(async () => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  const { weights } = syntheticModel({ width: 8 });
  const layer1 = [...weights].filter(([name]) => !/^(layer[234]|fc)/.test(name));
  writeFileSync(weightsFile, writeSafetensors(new Map(layer1)));
  const mount = { prefix: '', path: join(root, 'dist/web'), scripts: true };
  server = await serveFiles([mount], { port: 0, address: '127.0.0.1' });
  context = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath: findChrome(),
    args: ['--no-sandbox', '--enable-unsafe-webgpu', '--disable-background-networking', '--disable-sync'],
  });
});
afterAll(async () => {
  await context?.close();
  await server?.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

const until = (page: Page, selector: string, pattern: RegExp) =>
  page.waitForFunction(
    ([query, source]) => new RegExp(source).test(document.querySelector(query)?.textContent ?? ''),
    [selector, pattern.source] as const,
    { timeout: 60_000 },
  );

const NOTE = '.role:has(#image-O) .note';
const pixelsOf = (page: Page) =>
  page.$eval('#image-O', (canvas) => (canvas as HTMLCanvasElement).toDataURL('image/png'));

async function download(page: Page): Promise<Map<string, Buffer>> {
  const [file] = await Promise.all([page.waitForEvent('download'), page.click('#export')]);
  expect(file.suggestedFilename()).toBe('streamscope-runs.zip');
  const entries = readZip(readFileSync(await file.path()));
  return new Map([...entries].map(([name, bytes]) => [name, Buffer.from(bytes)]));
}

async function make(page: Page, seed: number): Promise<void> {
  await page.setInputFiles('#weights-file', weightsFile);
  await until(page, '#status', /^resnet18 from small/);
  await page.fill('#steps', '2');
  await page.fill('#seed', String(seed));
  await page.fill('#size', '64');
  await page.click('#start');
  await until(page, '#ascent-note', /^Finished/);
  await until(page, '#responses-note', /Of the images on this page/);
}

const NAMES = ['layer1.0', 'layer1.1', 'layer1.1.bn2'].flatMap((module) =>
  ['json', 'npy', 'png'].map((end) => `resnet18/${module}/unit3/0_distill_center.${end}`),
);

test('images stay after a reload, and leave as a run folder that visualize continues', async () => {
  const page = await context.newPage();
  await page.goto(`${server.url}#block=1.1&channel=3`);
  await until(page, '#kept-note', /^0 finished images kept/);
  expect(await page.isDisabled('#export')).toBe(true);
  await make(page, 5);
  await until(page, '#kept-note', /^3 finished images kept/);
  const before = await pixelsOf(page);

  await page.reload();
  await until(page, NOTE, /^kept from before: 2 steps, seed 5, activation /);
  expect(await pixelsOf(page)).toBe(before);
  await until(page, '#kept-note', /^3 finished images kept/);
  const files = await download(page);
  const [run] = [...files.keys()][0].split('/');
  expect([...files.keys()]).toEqual([...NAMES, 'run.json'].map((name) => `${run}/${name}`));
  for (const name of NAMES.filter((path) => path.endsWith('json'))) {
    const sidecar = JSON.parse(files.get(`${run}/${name}`)!.toString());
    expect(sidecar).toMatchObject({ status: 'ok', channel: 3, attempts: [{ seed: 5, status: 'ok' }] });
    for (const [file, hash] of Object.entries(sidecar.files)) {
      const bytes = files.get(`${run}/${dirname(name)}/${file}`)!;
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(hash);
    }
  }
  const { shape, data } = parseNpy(files.get(`${run}/resnet18/layer1.1/unit3/0_distill_center.npy`)!);
  expect(shape).toEqual([3, 64, 64]);
  const png = PNG.sync.read(files.get(`${run}/resnet18/layer1.1/unit3/0_distill_center.png`)!);
  expect(Array.from(png.data).filter((_, i) => i % 4 < 3)).toEqual([...toBytes(data, 64, 64)]);

  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  const visualize = (out: string, ...host: string[]) => {
    const units = [
      '--units',
      '1.1.I:3,1.1.B:3,1.1.O:3',
      '--weights',
      weightsFile,
      '--out',
      join(folder, out),
    ];
    const settings = ['--steps', '2', '--size', '64', '--seed', '5', '--retries', '0', '--progress', 'none'];
    return runCommand(root, [...host, 'visualize', ...units, ...settings], { cwd: folder });
  };
  const again = await visualize(run);
  expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('3 of 3 images are already done.')]);
  // and what the command line makes in this browser is the same to the last bit, but for how PNG is packed
  const other = await visualize('other', '--host', 'chrome');
  expect(other.code, other.stderr).toBe(0);
  for (const name of NAMES.filter((path) => !path.endsWith('png'))) {
    const [page, commandLine] = [files.get(`${run}/${name}`)!, readFileSync(join(folder, 'other', name))];
    if (name.endsWith('npy')) expect(commandLine.equals(page), name).toBe(true);
    else {
      const facts = (bytes: Buffer) => ({ ...JSON.parse(bytes.toString()), files: undefined });
      expect(facts(page)).toEqual(facts(commandLine));
    }
  }
  await page.close();
});

test('further settings make further run folders, and everything can be forgotten', async () => {
  const page = await context.newPage();
  await page.goto(`${server.url}#block=1.1&channel=3`);
  await make(page, 6);
  await until(page, '#kept-note', /^6 finished images kept/);
  const files = await download(page);
  const runs = [...files].filter(([name]) => name.endsWith('run.json'));
  const seeds = runs.map(([, bytes]) => JSON.parse(bytes.toString()).settings.seed);
  expect(seeds.sort()).toEqual([5, 6]);
  await page.reload();
  await until(page, NOTE, /seed 6/); // the newest
  // another channel has none
  await page.goto(`${server.url}#block=1.1&channel=4`);
  await until(page, NOTE, /^$/);
  expect(await page.getAttribute('#image-O', 'aria-label')).toBe('No image of 1.1.O:4 yet');
  page.once('dialog', (dialog) => dialog.accept());
  await page.click('#forget');
  await until(page, '#kept-note', /^0 finished images kept/);
  await page.reload();
  await until(page, '#kept-note', /^0 finished images kept/);
  expect(await page.locator('#error').isVisible()).toBe(false);
  await page.close();
});
