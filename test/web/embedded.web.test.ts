// The network that lies beside the page: it is there before anyone has chosen a file, and gives way to whatever is chosen.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { analyze } from '../../src/cli/analyze.ts';
import { writeMeasurements } from '../../src/cli/measurementFiles.ts';
import { type StaticServer, serveFiles } from '../../src/cli/staticFiles.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { type OpenedChrome, openChrome } from '../support/chromePage.ts';
import { syntheticMeasurements } from '../support/syntheticMeasurements.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const root = resolve(import.meta.dirname, '../..');
const web = join(root, 'dist/web');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
const weightsFile = join(folder, 'small.safetensors');
const DROP = /^Drop a \.pth or \.safetensors file/;
const EMBEDDED = /^shapes16, a narrow ResNet18 that learned drawn shapes and textures \([0-9a-f]{8}\) on /;
const servers: StaticServer[] = [];
let chrome: OpenedChrome;

beforeAll(async () => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  writeFileSync(weightsFile, writeSafetensors(syntheticModel({ width: 8 }).weights));
  chrome = await openChrome();
});
afterAll(async () => {
  await chrome?.close();
  for (const server of servers) await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const text = async (page: Page, selector: string) => (await page.textContent(selector)) ?? '';
const until = (page: Page, selector: string, pattern: RegExp) =>
  page.waitForFunction(
    ([query, source]) => new RegExp(source).test(document.querySelector(query)?.textContent ?? ''),
    [selector, pattern.source] as const,
    { timeout: 60_000 },
  );

async function ascend(page: Page, steps: number): Promise<void> {
  await page.waitForSelector('#start:enabled');
  await page.fill('#steps', String(steps));
  await page.fill('#size', '64');
  await page.click('#start');
  await until(page, '#ascent-note', /^Finished/);
}

/** A page of built files on a static server, with a run folder beside them, once it has asked for the network. */
async function openServed(files: string, run?: string): Promise<Page> {
  const mounts = [{ prefix: '', path: files, scripts: true }];
  if (run) mounts.push({ prefix: 'run/', path: run, scripts: false });
  const server = await serveFiles(mounts, { port: 0, address: '127.0.0.1' });
  servers.push(server);
  const page = await chrome.browser.newPage();
  const asked = page.waitForResponse(/shapes16\.safetensors$/);
  await page.goto(server.url);
  await asked;
  return page;
}

/** An analyzed run of block 2.1. */
async function makeRun(name: string, settings: Record<string, unknown>): Promise<string> {
  const run = join(folder, name);
  mkdirSync(run);
  const block = syntheticMeasurements({ channels: 12, seeds: 1, photographs: 30 });
  await writeMeasurements(run, block, { settings: { network: 'resnet18', ...settings } });
  await analyze({ run });
  return run;
}

test('no file: a channel is chosen, sixteen steps climb, a drawn shape drives channels', async () => {
  const page = await chrome.open();
  await until(page, '#status', EMBEDDED);
  await page.waitForURL(/#block=1\.1&channel=0$/);
  // the address stands before the block is measured
  await expect.poll(() => page.locator('circle.dot').count()).toBe(16);
  expect(await page.locator('#block option').allTextContents()).toHaveLength(8);
  await ascend(page, 16);
  for (const role of ['I', 'B', 'O']) {
    const curve = (await page.getAttribute(`#curve-${role}`, 'aria-label'))!;
    const [, from, to] = /Activation of 1\.1\..:0 by step, from (\S+) to (\S+)$/.exec(curve)!;
    expect(Number(to), role).toBeGreaterThan(Number(from));
  }
  await until(page, '#responses-note', /Of the images on this page\. M = /);
  await page.click('#draw-shape');
  await until(page, '#photo-channels .note', /drawn image 0 \(square\).* block 1\.1\.$/);
  const answers = await page.locator('#photo-channels td').allTextContents();
  await page.click('#draw-shape');
  await until(page, '#photo-channels .note', /drawn image 1 /);
  expect(await page.locator('#photo-channels td').allTextContents()).not.toEqual(answers);
  expect(await page.locator('#error').isVisible()).toBe(false);
  await page.close();
});

test('a file takes its place, and nothing of it stays', async () => {
  const page = await chrome.open();
  await ascend(page, 2);
  await page.click('#draw-shape');
  await until(page, '#photo-channels .note', /drawn image/);
  await page.setInputFiles('#weights-file', weightsFile);
  await until(page, '#status', /^resnet18 from small/);
  await until(page, '.role:has(#image-O) .note', /^$/);
  expect(await page.getAttribute('#image-O', 'aria-label')).toBe('No image of 1.1.O:0 yet');
  expect(await text(page, '#photo-channels')).toBe('');
  expect(await page.locator('circle.dot').count()).toBe(8);
  // after a reload it is back, and so is what was made with it
  await page.reload();
  await until(page, '#status', EMBEDDED);
  await until(page, '.role:has(#image-O) .note', /^kept from before: 2 steps, seed 0, activation \S+$/);
  await page.close();
});

test('after a reload, images of a file that was chosen before are told from those of this network', async () => {
  const page = await chrome.open('#block=1.1&channel=2');
  await page.setInputFiles('#weights-file', weightsFile);
  await until(page, '#status', /^resnet18 from small/);
  await ascend(page, 2);
  await until(page, '#kept-note', /^3 finished/);
  await page.reload();
  await until(page, '#status', EMBEDDED);
  await until(page, '.role:has(#image-O) .note', /^kept from before: 2 steps.*, of other weights$/);
  await page.close();
});

test('a link to a channel that it has not waits for the file it was made for', async () => {
  const page = await chrome.open('#block=1.1&channel=19');
  await until(page, '#status', /^The small network of this page has no channel 19 in block 1\.1\. Drop a /);
  expect(await page.isDisabled('#start')).toBe(true);
  expect(page.url()).toMatch(/channel=19$/);
  expect(await page.locator('#error').isVisible()).toBe(false);
  await page.close();
});

test('a server without it has the page as it was', async () => {
  const without = join(folder, 'without');
  cpSync(web, without, { recursive: true, filter: (path) => !path.endsWith('.safetensors') });
  const page = await openServed(without);
  expect(await text(page, '#status')).toMatch(DROP);
  await page.setInputFiles('#weights-file', { name: 'no.pth', mimeType: '', buffer: Buffer.from('<html>') });
  await until(page, '#error-message', /no\.pth: this is a web page/);
  expect(await page.isDisabled('#start')).toBe(true);
  await page.setInputFiles('#weights-file', weightsFile);
  await until(page, '#status', /^resnet18 from small/);
  await page.close();
});

test('a run of other weights takes its place, a run of its own weights keeps it', async () => {
  const other = await makeRun('other', { weightsSha256: '0'.repeat(64) });
  const bytes = readFileSync(join(web, 'shapes16.safetensors'));
  const own = await makeRun('own', { weightsSha256: createHash('sha256').update(bytes).digest('hex') });

  const chosen = await openServed(web);
  await chosen.waitForSelector('#start:enabled');
  await chosen.setInputFiles('#run-folder', own);
  await until(chosen, '#grid-note', /own/);
  expect(await chosen.isEnabled('#start')).toBe(true);
  await chosen.click('#start'); // what runs is stopped
  await chosen.setInputFiles('#run-folder', other);
  await until(chosen, '#status', DROP);
  await until(chosen, '#grid-note', /other/);
  expect(await chosen.isDisabled('#start')).toBe(true);
  await chosen.close();

  const served = await openServed(web, own);
  await until(served, '#status', EMBEDDED);
  await until(served, '#grid-note', /the served run/);
  expect(await served.locator('#error').isVisible()).toBe(false);
  await served.close();
  const withOther = await openServed(web, other);
  await until(withOther, '#grid-note', /the served run/);
  await withOther.waitForTimeout(2000); // long enough to open a network
  expect(await text(withOther, '#status')).toMatch(DROP);
  expect(await withOther.isDisabled('#start')).toBe(true);
  await withOther.close();
});
