// A photograph decoded by the page is what Node decodes, pixel by pixel.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChrome } from '../../src/cli/chrome.ts';
import { decodeBytes } from '../../src/cli/images.ts';
import { type StaticServer, serveFiles } from '../../src/cli/staticFiles.ts';
import type { Pixels } from '../../src/model/preprocess.ts';
import fixture from '../fixtures/images.json' with { type: 'json' };
import { picture } from '../support/pictures.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
let server: StaticServer;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  const contents = `
    import { decode } from './src/web/pictures.ts';
    globalThis.decode = async (bytes) => {
      const { height, width, data } = await decode(new Blob([Uint8Array.from(bytes)]));
      return { height, width, data: [...data] };
    };`;
  await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    format: 'esm',
    outfile: join(folder, 'decode.js'),
    logLevel: 'warning',
  });
  writeFileSync(join(folder, 'index.html'), '<script type="module" src="decode.js"></script>');
  server = await serveFiles([{ prefix: '', path: folder, scripts: true }], { port: 0, address: '127.0.0.1' });
  browser = await chromium.launch({ executablePath: findChrome(), args: ['--no-sandbox'] });
  page = await browser.newPage();
  await page.goto(server.url);
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const inPage = async (bytes: Uint8Array): Promise<Pixels> => {
  const found = (await page.evaluate(`decode(${JSON.stringify([...bytes])})`)) as Pixels;
  return { ...found, data: Uint8Array.from(found.data) };
};

/** The largest difference of a value from Node's. */
async function difference(bytes: Uint8Array): Promise<number> {
  const { pixels } = await decodeBytes(bytes);
  const found = await inPage(bytes);
  expect([found.height, found.width]).toEqual([pixels.height, pixels.width]);
  return found.data.reduce((most, value, i) => Math.max(most, Math.abs(value - pixels.data[i])), 0);
}

const { height, width, data } = picture(61, 83);
const stored = () => sharp(data, { raw: { height, width, channels: 3 } });
const file = (name: keyof typeof fixture) => Buffer.from(fixture[name].file, 'base64');

describe.each([1, 2, 3, 4, 5, 6, 7, 8])('orientation %i in Exif changes no pixel', (orientation) => {
  const noted = () => stored().withMetadata({ orientation });
  test('JPEG, with and without subsampled colours', async () => {
    const full = await noted().jpeg({ quality: 90, chromaSubsampling: '4:4:4' }).toBuffer();
    expect((await sharp(full).metadata()).orientation).toBe(orientation);
    expect(await difference(full)).toBe(0);
    expect(await difference(await noted().jpeg({ chromaSubsampling: '4:2:0' }).toBuffer())).toBe(0);
  });
  test('PNG and lossless WebP', async () => {
    const png = await noted().png().toBuffer();
    expect((await sharp(png).metadata()).orientation).toBe(orientation);
    expect((await inPage(png)).data).toEqual(data);
    expect((await inPage(await noted().webp({ lossless: true }).toBuffer())).data).toEqual(data);
  });
});

test.each([
  ...['colour.jpg', 'progressive.jpg', 'grey.jpg', 'rotated.jpg', 'colour.png', 'palette.png', 'bits.png'],
  ...['colour16.png', 'colour.webp', 'named-wrong.jpg', 'one.png'],
  // what lies below transparency counts
  ...['alpha.png', 'grey-alpha.png', 'palette-alpha.png', 'alpha16.png'],
] as (keyof typeof fixture)[])('%s', async (name) => {
  expect(await difference(file(name))).toBe(0);
});

test('a photograph of a usual size, progressive, with a colour profile', async () => {
  const { height, width, data } = picture(375, 500);
  const photograph = sharp(data, { raw: { height, width, channels: 3 } }).blur(2);
  expect(await difference(await photograph.clone().jpeg().toBuffer())).toBe(0);
  const wide = photograph.withIccProfile('p3').jpeg({ progressive: true, quality: 75 });
  expect(await difference(await wide.toBuffer())).toBe(0);
});

test('CMYK comes out within one level: the browser rounds otherwise', async () => {
  expect(await difference(file('cmyk.jpg'))).toBe(1);
});

test('what is no image is refused, and TIFF, which only Node reads', async () => {
  for (const name of ['text.jpg', 'empty.jpg', 'cmyk.tif'] as const)
    await expect(inPage(file(name)), name).rejects.toThrow('could not be decoded');
});

test('a JPEG that is cut short is refused, as Node does', async () => {
  const whole = await stored().jpeg().toBuffer();
  for (const cut of [file('cut.jpg'), whole.subarray(0, Math.floor(whole.length / 2))]) {
    await expect(decodeBytes(cut)).rejects.toThrow('premature end');
    await expect(inPage(cut)).rejects.toThrow('could not be decoded');
  }
});
