// The real page in a real browser: weights, a channel, an ascent, what is saved, and everything that can be wrong.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseNpy } from '../../src/model/npy.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { type OpenedChrome, openChrome } from '../support/chromePage.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
const weightsFile = join(folder, 'small.safetensors');
let chrome: OpenedChrome;

beforeAll(async () => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  const { weights } = syntheticModel({ width: 8 });
  const part = new Map([...weights].filter(([name]) => !/^(layer[34]|fc)/.test(name)));
  writeFileSync(weightsFile, writeSafetensors(part));
  chrome = await openChrome();
});
afterAll(async () => {
  await chrome?.close();
  rmSync(folder, { recursive: true, force: true });
});

const text = async (page: Page, selector: string) => (await page.textContent(selector)) ?? '';
const error = (page: Page) => text(page, '#error-message');
const until = (page: Page, selector: string, pattern: RegExp) =>
  page.waitForFunction(
    ([query, source]) => new RegExp(source).test(document.querySelector(query)?.textContent ?? ''),
    [selector, pattern.source] as const,
    { timeout: 120_000 },
  );

async function openWithWeights(fragment: string): Promise<Page> {
  const page = await chrome.open(fragment);
  await page.setInputFiles('#weights-file', weightsFile);
  await until(page, '#status', /^resnet18 from small/);
  return page;
}

async function ascend(page: Page, steps: number): Promise<void> {
  await page.fill('#steps', String(steps));
  await page.fill('#size', '64');
  await page.click('#start');
}

test('a link leads to its channel; arrows, points and the address choose others', async () => {
  const page = await openWithWeights('#block=1.1&channel=5');
  expect(await page.inputValue('#channel')).toBe('5');
  expect(await text(page, '#ascent-title')).toContain('channel 5 of block 1.1');
  expect(await page.locator('#block option').allTextContents()).toEqual(['1.0', '1.1', '2.0', '2.1']);
  await page.focus('#walker');
  await page.keyboard.press('ArrowRight');
  await page.waitForURL(/#block=1\.1&channel=6$/);
  await page.locator('circle.dot[data-channel="2"]').click();
  await page.waitForURL(/channel=2$/);
  await page.selectOption('#block', '2.0');
  await page.waitForURL(/#block=2\.0&channel=2$/);
  await page.goBack();
  await until(page, '#ascent-title', /channel 2 of block 1\.1/);
  expect(await page.locator('#error').isVisible()).toBe(false);
  await page.close();
});

test('sixteen steps climb, are measured, and can be saved', async () => {
  const page = await openWithWeights('#block=1.1&channel=3');
  await ascend(page, 16);
  await until(page, '#ascent-note', /^Finished/);
  const curve = await page.getAttribute('#curve-O', 'aria-label');
  const [, from, to] = /from (\S+) to (\S+)$/.exec(curve!)!;
  expect(Number(to)).toBeGreaterThan(Number(from));
  await until(page, '#responses-note', /Of the images on this page\. M = /);
  expect(await page.locator('#responses td').count()).toBe(9);
  const image = page.locator('#image-O');
  const [png] = await Promise.all([
    page.waitForEvent('download'),
    page.locator('.role:has(#image-O) button', { hasText: 'PNG' }).click(),
  ]);
  const [npy] = await Promise.all([
    page.waitForEvent('download'),
    page.locator('.role:has(#image-O) button', { hasText: '.npy' }).click(),
  ]);
  expect([png.suggestedFilename(), npy.suggestedFilename()]).toEqual([
    '1.1.O-3-seed0.png',
    '1.1.O-3-seed0.npy',
  ]);
  const array = parseNpy(readFileSync(await npy.path()));
  expect(array.shape).toEqual([3, 64, 64]);
  const picture = PNG.sync.read(readFileSync(await png.path()));
  const red = Array.from({ length: 64 * 64 }, (_, i) => picture.data[4 * i]);
  expect(red).toEqual(Array.from(array.data.subarray(0, 64 * 64), (value) => Math.floor(value * 255)));
  expect(await image.getAttribute('aria-label')).toContain('after 16 steps');
  // the slider zooms the image of O and follows the curve
  await page.focus('#zoom');
  await page.keyboard.press('ArrowRight');
  expect(await text(page, '#zoom-answer')).toMatch(/^scale 1\.05: O answers/);
  await page.close();
});

test('24 units leave the device as the first three of each block did, to the byte', async () => {
  const page = await openWithWeights('#block=1.1&channel=0');
  const held: Record<string, string[]> = { '1.1': [], '2.0': [] };
  for (const block of ['1.1', '2.0'])
    for (let channel = 0; channel < 4; channel++) {
      await page.goto(`${chrome.url}#block=${block}&channel=${channel}`);
      await until(page, '#ascent-title', new RegExp(`channel ${channel} of block ${block}`));
      await ascend(page, 1);
      await until(page, '#ascent-note', /^Finished.* The device holds \d+\.\d\d MiB/);
      held[block].push((await page.getAttribute('#ascent-note', 'data-bytes'))!);
      await page.waitForSelector('#stop:disabled'); // measured as well
    }
  for (const [block, bytes] of Object.entries(held)) {
    expect(Number(bytes[0])).toBeGreaterThan(1000);
    expect(new Set(bytes).size, `${block}: ${bytes}`).toBe(1);
  }
  // further layers have weights of their own, which stay
  expect(Number(held['2.0'][0])).toBeGreaterThan(Number(held['1.1'][0]));
  await page.close();
});

test('block 2.0, whose bypass is a convolution: three roles climb and are measured', async () => {
  const page = await openWithWeights('#block=2.0&channel=9');
  await ascend(page, 8);
  await until(page, '#ascent-note', /^Finished/);
  for (const role of ['I', 'B', 'O']) {
    const curve = (await page.getAttribute(`#curve-${role}`, 'aria-label'))!;
    const [, from, to] = /Activation of 2\.0\..:9 by step, from (\S+) to (\S+)$/.exec(curve)!;
    expect(Number(to), role).toBeGreaterThan(Number(from));
  }
  await until(page, '#responses-note', /Of the images on this page\. M = /);
  expect(await page.locator('#responses td').allTextContents()).toHaveLength(9);
  expect(await text(page, '#responses')).not.toContain('NaN');
  expect(await page.locator('#error').isVisible()).toBe(false);
  await page.close();
});

test('an ascent pauses, goes on by single steps, and stops', async () => {
  const page = await openWithWeights('#block=1.1&channel=1');
  await ascend(page, 5000);
  await until(page, '.role:last-child .note', /^step \d+ of 5000/);
  await page.click('#pause');
  await until(page, '#ascent-note', /^Paused/);
  const steps = async () =>
    (await page.locator('.role .note').allTextContents()).map((words) =>
      Number(/step (\d+)/.exec(words)?.[1]),
    );
  let before = await steps();
  // submits in flight end; then nothing moves
  await expect
    .poll(
      async () => {
        const now = await steps();
        const same = now.join() === before.join();
        before = now;
        return same;
      },
      { interval: 1000, timeout: 60_000 },
    )
    .toBe(true);
  const furthest = Math.max(...before);
  await page.click('#step');
  const slowest = async () => Math.min(...(await steps()));
  await expect.poll(slowest, { timeout: 60_000 }).toBeGreaterThan(Math.min(...before));
  // one submit may still have been on its way when it was paused
  expect(Math.max(...(await steps()))).toBeLessThanOrEqual(furthest + 1 + 16);
  await page.click('#stop');
  await until(page, '#ascent-note', /^Stopped/);
  expect(await page.locator('#error').isVisible()).toBe(false);
  await page.close();
});

test('bad files and bad links are told in words, and the first error stays', async () => {
  const page = await openWithWeights('#block=3.0&channel=1');
  expect(await error(page)).toBe('Block 3.0 is not there.');
  await page.setInputFiles('#weights-file', {
    name: 'page.pth',
    mimeType: '',
    buffer: Buffer.from('<html>'),
  });
  await until(page, '#error-more', /^1 more/);
  expect(await error(page)).toBe('Block 3.0 is not there.');
  await page.click('#error-dismiss');
  expect(await error(page)).toContain('page.pth: this is a web page, not weights.');
  await page.setInputFiles('#photograph', {
    name: 'no.jpg',
    mimeType: 'image/jpeg',
    buffer: Buffer.from('no'),
  });
  await until(page, '#error-more', /^1 more/);
  await page.click('#error-dismiss');
  expect(await error(page)).toContain('no.jpg is no image that this browser can read.');
  await page.click('#error-dismiss');
  expect(await page.locator('#error').isVisible()).toBe(false);
  // the weights from before are still in hand
  expect(await page.locator('#start').isEnabled()).toBe(true);
  await page.close();
});

test('a lost device is told, and the next ascent takes a new one', async () => {
  const page = await openWithWeights('#block=1.1&channel=1');
  await ascend(page, 100_000);
  await until(page, '.role:last-child .note', /^step \d+ of/);
  await (await chrome.browser.newBrowserCDPSession()).send('Browser.crashGpuProcess');
  await until(page, '#error-message', /lost/);
  expect(await text(page, '#error-hint')).toContain('Press Start again');
  await until(page, '#ascent-note', /^Ended by an error/);
  await page.click('#error-dismiss');
  await ascend(page, 2);
  await until(page, '#ascent-note', /^Finished/);
  await page.close();
});

test.each([1024, 1440, 2560])('nothing sticks out at %i px', async (width) => {
  const page = await chrome.open('', { width, height: 900 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
  expect(await page.locator('h1').isVisible()).toBe(true);
  await page.close();
});

test('the page is small', () => {
  const web = join(root, 'dist/web');
  const files = readdirSync(web).filter((name) => !/\.(map|safetensors)$/.test(name));
  const bytes = files.reduce((sum, name) => sum + statSync(join(web, name)).size, 0);
  expect(files).toContain('worker.js');
  expect(bytes).toBeLessThan(1_500_000);
  // the network that it opens with is asked for once the page stands
  expect(statSync(join(web, 'shapes16.safetensors')).size).toBeLessThan(1_500_000);
});
