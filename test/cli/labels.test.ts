// Folders of photographs and the classes of the network: told, or refused with what to give.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Listing } from '../../src/cli/images.ts';
import { classesOf } from '../../src/cli/labels.ts';

const folder = mkdtempSync(join(tmpdir(), 'streamscope-labels-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const listing = (labels?: string[]): Listing => ({ folder: 'photos', images: [], skipped: [], labels });
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

test('as many folders as classes are the classes in order', async () => {
  expect([...(await classesOf(listing(['n1', 'n2', 'n7']), 3))]).toEqual([
    ['n1', 0],
    ['n2', 1],
    ['n7', 2],
  ]);
});

test('numbers are numbers of classes, not positions', async () => {
  expect([...(await classesOf(listing(['10', '2']), 11))]).toEqual([
    ['10', 10],
    ['2', 2],
  ]);
});

test('a list of classes names some of the folders', async () => {
  const classes = await classesOf(
    listing(['n3', 'n1']),
    3,
    file('map.txt', 'n1 tench, Tinca\r\nn2 shark\nn3 ray\n'),
  );
  expect([classes.get('n3'), classes.get('n1')]).toEqual([2, 0]);
});

test.each<[string, () => Promise<unknown>, RegExp]>([
  ['no labels', () => classesOf(listing(), 3), /have no labels/],
  ['too few folders', () => classesOf(listing(['a', 'b']), 3), /has 2 folders of classes, the network 3/],
  ['a number too large', () => classesOf(listing(['1', '3']), 3), /which is which/],
  [
    'a short list',
    () => classesOf(listing(['a']), 3, file('short.txt', 'a\nb\n')),
    /has 2 lines, expected one for each of 3/,
  ],
  ['an unknown folder', () => classesOf(listing(['x']), 2, file('other.txt', 'a\nb\n')), /no class called x/],
])('%s is refused', async (_, result, message) => {
  await expect(result()).rejects.toThrow(message);
  await expect(result()).rejects.toMatchObject({ code: 65 });
});
