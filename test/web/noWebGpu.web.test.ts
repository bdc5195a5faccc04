// Without WebGPU the page says so at once, in its own words, with what to do; what needs no GPU still works.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { openChrome } from '../support/chromePage.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
const weightsFile = join(folder, 'small.safetensors');

beforeAll(() => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: resolve(import.meta.dirname, '../..') });
  writeFileSync(weightsFile, writeSafetensors(syntheticModel({ width: 8 }).weights));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a browser that has no adapter', async () => {
  const chrome = await openChrome(['--disable-features=WebGPU', '--disable-gpu']);
  try {
    const page = await chrome.open();
    await page.waitForSelector('#error:not([hidden])');
    expect(await page.textContent('#error-message')).toBe(
      'No WebGPU adapter was found: run folders can be looked at, images cannot be made.',
    );
    expect(await page.textContent('#error-hint')).toContain('Turn on hardware acceleration');
    await page.click('#error-dismiss');
    // weights are refused for the same reason, and nothing can be started
    await page.setInputFiles('#weights-file', weightsFile);
    await page.waitForSelector('#error:not([hidden])');
    expect(await page.textContent('#error-message')).toContain('No WebGPU adapter');
    expect(await page.textContent('#status')).toBe('small.safetensors was not opened.');
    expect(await page.isDisabled('#start')).toBe(true);
  } finally {
    await chrome.close();
  }
});

test('a page that did not come from https or localhost', async () => {
  const flags = ['--enable-unsafe-webgpu', '--host-resolver-rules=MAP elsewhere.test 127.0.0.1'];
  const chrome = await openChrome(flags, ['--listen', '0.0.0.0']);
  try {
    const page = await chrome.browser.newPage();
    await page.goto(chrome.url.replace('0.0.0.0', 'elsewhere.test'));
    await page.waitForSelector('#error:not([hidden])');
    expect(await page.textContent('#error-message')).toBe(
      'This browser offers no WebGPU: run folders can be looked at, images cannot be made.',
    );
    expect(await page.textContent('#error-hint')).toContain('must come from https or localhost');
    expect(await page.isEnabled('#run-folder')).toBe(true);
  } finally {
    await chrome.close();
  }
});
