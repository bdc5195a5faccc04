// Folders listed in torchvision's order, files decoded to Pillow's pixels, and every kind of bad file named.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { decodeImage, listImages } from '../../src/cli/images.ts';
import fixture from '../fixtures/images.json' with { type: 'json' };

const root = mkdtempSync(join(tmpdir(), 'streamscope-images-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Writes files below a new folder; returns the folder. */
function folderOf(name: string, files: readonly string[]): string {
  for (const file of files) {
    mkdirSync(dirname(join(root, name, file)), { recursive: true });
    writeFileSync(join(root, name, file), '');
  }
  mkdirSync(join(root, name), { recursive: true });
  return join(root, name);
}

function fileOf(name: keyof typeof fixture): string {
  writeFileSync(join(root, name), Buffer.from(fixture[name].file, 'base64'));
  return join(root, name);
}

const names = async (folder: string) => (await listImages(folder)).images.map(({ name }) => name);

describe('listing', () => {
  test('classes by name, below each the folders by path, files by code point', async () => {
    const folder = folderOf('classes', [
      'n02/a.JPEG',
      'n02/B.jpg',
      'n01/x/2.png',
      'n01/x/a/3.png',
      'n01/x-y/1.png',
      'n01/z.webp',
      'n01/\u{1F600}.png',
      'n01/\uFB01.png',
    ]);
    const listing = await listImages(folder);
    expect(listing.labels).toEqual(['n01', 'n02']);
    // folders by path, and '-' sorts before '/'; U+FB01 before U+1F600 although its UTF-16 unit is larger
    expect(listing.images).toEqual([
      { name: 'n01/z.webp', label: 'n01' },
      { name: 'n01/\uFB01.png', label: 'n01' },
      { name: 'n01/\u{1F600}.png', label: 'n01' },
      { name: 'n01/x/2.png', label: 'n01' },
      { name: 'n01/x-y/1.png', label: 'n01' },
      { name: 'n01/x/a/3.png', label: 'n01' },
      { name: 'n02/B.jpg', label: 'n02' },
      { name: 'n02/a.JPEG', label: 'n02' },
    ]);
  });

  test('a flat folder has no labels', async () => {
    const listing = await listImages(folderOf('flat', ['b.png', 'a.jpg', 'notes.txt']));
    expect(listing.labels).toBeUndefined();
    expect(listing.images).toEqual([{ name: 'a.jpg' }, { name: 'b.png' }]);
    expect(listing.skipped).toEqual([{ name: 'notes.txt', reason: expect.stringMatching(/does not end/) }]);
  });

  test('files that are no images, or outside the classes, are named', async () => {
    const { skipped } = await listImages(
      folderOf('mixed', ['a/1.png', 'a/.DS_Store', 'readme.md', 'top.png']),
    );
    expect(skipped.map(({ name }) => name)).toEqual(['readme.md', 'top.png', 'a/.DS_Store']);
  });

  test('links are followed, but not in circles', async () => {
    const folder = folderOf('linked', ['a/1.png']);
    symlinkSync(join(folder, 'a'), join(folder, 'b'));
    symlinkSync(join(folder, 'a'), join(folder, 'a', 'again'));
    expect(await names(folder)).toEqual(['a/1.png', 'b/1.png']);
  });

  test('empty and missing folders are errors', async () => {
    await expect(listImages(folderOf('empty', []))).rejects.toMatchObject({ code: 65 });
    await expect(listImages(folderOf('texts', ['c/a.txt', 'c/b.md']))).rejects.toThrow(
      /holds no images, but 2 other files/,
    );
    await expect(listImages(join(root, 'nowhere'))).rejects.toMatchObject({ code: 74 });
  });
});

describe('decoding', () => {
  const readable = Object.entries(fixture).filter(([, { rgb }]) => rgb !== null);

  test('there are readable and unreadable files', () => {
    expect(readable.length).toBe(17);
    expect(Object.keys(fixture).length).toBe(20);
  });

  test.each(readable)('%s has Pillow’s pixels', async (name, { shape, rgb }) => {
    const { pixels } = await decodeImage(fileOf(name as keyof typeof fixture));
    expect([pixels.height, pixels.width, 3]).toEqual(shape);
    expect(Buffer.from(pixels.data).equals(Buffer.from(rgb!, 'base64'))).toBe(true);
  });

  test.each<[keyof typeof fixture, RegExp]>([
    ['cut.jpg', /cannot be decoded/],
    ['text.jpg', /cannot be decoded/],
    ['empty.jpg', /empty/],
  ])('%s is refused', async (name, message) => {
    const refused = decodeImage(fileOf(name));
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toMatchObject({ code: 65 });
  });

  test('a drawing under the name of a photograph is refused', async () => {
    const path = join(root, 'drawing.jpg');
    writeFileSync(path, '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    await expect(decodeImage(path)).rejects.toThrow(/it is svg/);
  });

  test('what had to be done is noted', async () => {
    const notes = async (name: keyof typeof fixture) => (await decodeImage(fileOf(name))).notes;
    expect(await notes('cmyk.jpg')).toEqual(['CMYK', 'tiny']);
    expect(await notes('alpha16.png')).toEqual(['16 bits', 'alpha dropped', 'tiny']);
    expect(await notes('grey.jpg')).toEqual(['grey', 'tiny']);
    expect(await notes('colour.jpg')).toEqual(['tiny']);
  });

  test('the hash is the file’s', async () => {
    const { sha256 } = await decodeImage(fileOf('colour.png'));
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect((await decodeImage(fileOf('colour.jpg'))).sha256).not.toBe(sha256);
  });
});
