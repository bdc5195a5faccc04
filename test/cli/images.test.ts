// Folders listed in torchvision's order, files decoded to Pillow's pixels, and every kind of bad file named.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { decodeBytes, decodeImage, listImages } from '../../src/cli/images.ts';
import fixture from '../fixtures/images.json' with { type: 'json' };
import { join as bytesOf } from '../support/hostileFiles.ts';
import { FUZZ_TIMEOUT, fileRefusal, fuzzAsync, ROUNDS } from '../support/refusals.ts';

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

const readable = Object.entries(fixture).filter(([, { rgb }]) => rgb !== null);

describe('decoding', () => {
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

/** A PNG of `width` x `height` grey pixels as its header claims, with the data that are given; checksums are right. */
function png(width: number, height: number, data: Uint8Array, depth = 8, colour = 0): Uint8Array {
  const chunk = (type: string, content: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
    const words = Buffer.alloc(8);
    words.writeUInt32BE(content.length, 0);
    words.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([words.subarray(0, 4), body, words.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour], 8);
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(data)), chunk('IEND', new Uint8Array(0))];
  return bytesOf(0x89, 'PNG\r\n\x1a\n', ...parts);
}

describe('a hostile image', () => {
  const jpeg = () => Buffer.from(fixture['colour.jpg'].file, 'base64');
  const file = (bytes: Uint8Array): string => {
    const path = join(root, 'hostile.png');
    writeFileSync(path, bytes);
    return path;
  };
  /** The first frame's height and width, two bytes each, behind the marker of the frame. */
  const withSize = (height: number, width: number): Uint8Array => {
    const bytes = jpeg();
    const frame = bytes.findIndex((byte, i) => byte === 0xff && [0xc0, 0xc2].includes(bytes[i + 1]));
    bytes.writeUInt16BE(height, frame + 5);
    bytes.writeUInt16BE(width, frame + 7);
    return bytes;
  };

  const hostile: [string, () => Uint8Array][] = [
    ['of no bytes', () => new Uint8Array(0)],
    ['of one', () => Uint8Array.of(0x89)],
    ['that is a PNG’s first bytes', () => bytesOf(0x89, 'PNG\r\n\x1a\n')],
    ['that is a JPEG’s first bytes', () => Uint8Array.of(0xff, 0xd8, 0xff)],
    ['of 2^31 - 1 pixels each way', () => png(2 ** 31 - 1, 2 ** 31 - 1, new Uint8Array(64))],
    ['of a thousand million pixels in a few bytes', () => png(32_000, 32_000, new Uint8Array(1_000_000))],
    ['just above the limit of pixels', () => png(14_000, 12_783, new Uint8Array(1_000_000))],
    ['of no width', () => png(0, 9, new Uint8Array(64))],
    ['of no height', () => png(9, 0, new Uint8Array(64))],
    ['of negative size', () => png(2 ** 32 - 1, 9, new Uint8Array(64))],
    ['of 3 bits', () => png(9, 9, new Uint8Array(90), 3)],
    ['of an unknown colour type', () => png(9, 9, new Uint8Array(90), 8, 5)],
    ['with too few rows', () => png(90, 90, new Uint8Array(91))],
    [
      'whose data are no deflate',
      () => {
        const bytes = png(9, 9, new Uint8Array(90));
        return bytes.fill(0xff, 45, bytes.length - 16);
      },
    ],
    ['that ends in its header', () => png(9, 9, new Uint8Array(90)).subarray(0, 30)],
    ['that is a JPEG of 65535 pixels each way', () => withSize(65_535, 65_535)],
    ['that is a JPEG without height', () => withSize(0, 8)],
    ['that is half a JPEG', () => jpeg().subarray(0, jpeg().length >> 1)],
    [
      'that is SVG with an entity bomb',
      () =>
        bytesOf(
          '<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">',
          '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><svg xmlns="http://www.w3.org/2000/svg"><text>&c;</text></svg>',
        ),
    ],
    [
      'that is SVG with a file',
      () =>
        bytesOf(
          '<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink" width="9" height="9">',
          '<image x:href="file:///etc/passwd" width="9" height="9"/></svg>',
        ),
    ],
    [
      'that is a PDF',
      () => bytesOf('%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert)>>>>endobj'),
    ],
    [
      'that is a GIF of 65535 pixels each way',
      () =>
        bytesOf(
          'GIF89a',
          [255, 255, 255, 255, 0x80, 0, 0],
          new Uint8Array(6),
          [0x2c, 0, 0, 0, 0, 255, 255, 255, 255, 0, 2, 1, 0, 0, 0x3b],
        ),
    ],
    ['that is TIFF whose directory is itself', () => bytesOf('II*\0', [8, 0, 0, 0, 0, 0, 8, 0, 0, 0])],
    ['that is TIFF whose directory is outside', () => bytesOf('II*\0', [255, 255, 255, 127])],
    [
      'that is WebP of 4 GB',
      () => bytesOf('RIFF', [255, 255, 255, 255], 'WEBPVP8 ', [255, 255, 255, 255], new Uint8Array(16)),
    ],
    ['that is an archive', () => bytesOf('PK\x03\x04', new Uint8Array(26))],
    ['that is a program', () => bytesOf('#!/bin/sh\nexit 1\n')],
    ['that is BMP', () => bytesOf('BM', new Uint8Array(52))],
    ['that is a portable pixmap of 10^9 pixels each way', () => bytesOf('P6\n1000000000 1000000000\n255\nx')],
  ];

  test.each(hostile)('%s is refused', async (_, make) => {
    const bytes = make();
    await fileRefusal(() => decodeImage(file(bytes)), bytes.length);
  });

  test('a photograph that is a folder, or not there, is an error of the disk', async () => {
    await expect(decodeImage(root)).rejects.toMatchObject({ code: 74 });
    await expect(decodeImage(join(root, 'nowhere.png'))).rejects.toMatchObject({ code: 74 });
  });

  test(
    'mutations are decoded or refused',
    async () => {
      const files = readable.map(([, { file: text }]) => new Uint8Array(Buffer.from(text, 'base64')));
      const { accepted, refused } = await fuzzAsync(files, decodeBytes, ROUNDS); // 2 ms each
      expect(Math.min(accepted, refused)).toBeGreaterThan(0);
    },
    FUZZ_TIMEOUT,
  );
});
