// Photographs as a stream: in order although decoded side by side, bad files by their reasons, changed files refused.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listImages } from '../../src/cli/images.ts';
import { LabelledFiles } from '../../src/cli/labelledFiles.ts';
import { countNotes, isPhotograph, mapAhead, photographs, preparedImage } from '../../src/cli/photographs.ts';
import { prepare } from '../../src/model/preprocess.ts';
import { encodePng } from '../../src/visualization/png.ts';
import { picture } from '../support/pictures.ts';

const folder = mkdtempSync(join(tmpdir(), 'streamscope-photographs-'));
const bytes = encodePng(picture(80, 90).data, 80, 90);
const { signal } = new AbortController();

beforeAll(() => {
  for (const name of ['a.png', 'c.png', 'd.png']) writeFileSync(join(folder, name), bytes);
  writeFileSync(join(folder, 'b.png'), 'no image');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('results come in order, with no more than asked for at work', async () => {
  let [atWork, most] = [0, 0];
  const slow = async (i: number) => {
    most = Math.max(most, ++atWork);
    await new Promise((done) => setTimeout(done, 10 - i));
    atWork--;
    return i;
  };
  const results: number[] = [];
  for await (const result of mapAhead([0, 1, 2, 3, 4, 5, 6], 3, slow)) results.push(result);
  expect(results).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(most).toBe(3);
});

test('files come in order, what is no image as its reason', async () => {
  const found = [];
  for await (const file of photographs(await listImages(folder), 0, signal)) found.push(file);
  expect(found.map(({ name }) => name)).toEqual(['a.png', 'b.png', 'c.png', 'd.png']);
  expect(found.map(isPhotograph)).toEqual([true, false, true, true]);
  expect(found[1]).toEqual({ name: 'b.png', reason: expect.stringMatching(/cannot be decoded/) });
  const [first] = found.filter(isPhotograph);
  for (const scale of [1, 1.5]) {
    const { data, ...shape } = first.prepared(scale);
    expect(shape).toEqual({ height: 224, width: 224 });
    expect(Buffer.compare(data, prepare(picture(80, 90), scale).data)).toBe(0);
  }
  const rest = [];
  for await (const { name } of photographs(await listImages(folder), 3, signal)) rest.push(name);
  expect(rest).toEqual(['d.png']);
});

test('a file is prepared again only while it is the same', async () => {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const again = await preparedImage(folder, { name: 'a.png', sha256 });
  expect(Buffer.compare(again, prepare(picture(80, 90)).data)).toBe(0);
  await expect(preparedImage(folder, { name: 'a.png', sha256: 'other' })).rejects.toThrow(/not the file/);
});

test('notes are counted', () => {
  expect(countNotes([{ notes: ['tiny', 'grey'] }, {}, { notes: ['tiny'] }])).toEqual({ tiny: 2, grey: 1 });
});

describe('labelled files', () => {
  const listing = { folder, labels: ['x'], skipped: [], images: [] };
  const images = (...names: string[]) => ({
    ...listing,
    images: names.map((name) => ({ name, label: 'x' })),
  });
  const classes = new Map([['x', 7]]);

  test('come with their class, at any scale, as often as wanted', async () => {
    const files = new LabelledFiles(images('a.png', 'b.png', 'c.png'), classes, signal);
    for (const scale of [1, 1.2]) {
      const { data } = prepare(picture(80, 90), scale);
      const found = [];
      for await (const { pixels, ...image } of files.at(scale))
        found.push({ ...image, same: Buffer.compare(pixels, data) === 0 });
      expect(found).toEqual([
        { name: 'a.png', label: 7, same: true },
        { name: 'c.png', label: 7, same: true },
      ]);
    }
    expect([...files.skipped.keys()]).toEqual(['b.png']);
  });

  test('none that can be used is an error', async () => {
    const files = new LabelledFiles(images('b.png'), classes, signal);
    await expect(files.lookAtAll()).rejects.toThrow(/None of the images .*b\.png: it cannot be decoded/);
  });
});
