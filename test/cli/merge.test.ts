// status and merge on folders with images that nobody computed: what is there, what is not, what is not what it says.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { merge } from '../../src/cli/merge.ts';
import type { Plan } from '../../src/cli/planFile.ts';
import { shareOf } from '../../src/cli/shard.ts';
import { statusOf } from '../../src/cli/status.ts';
import { hashesBelow } from '../support/folders.ts';
import { putImage, smallPlan, writtenPlan } from '../support/plannedRun.ts';

let folder: string;
let plan: Plan;
const at = (...parts: string[]) => join(folder, ...parts);
const { signal } = new AbortController();
const printed: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'streamscope-merge-'));
  plan = await writtenPlan(at('plan.json'));
  printed.length = 0;
  vi.spyOn(console, 'log').mockImplementation((line) => void printed.push(line));
  vi.spyOn(console, 'error').mockImplementation((line) => void printed.push(line));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

/** A folder with one shard of two, as a machine leaves it. */
async function shard(name: string, index: number, count = 2): Promise<void> {
  for (const task of shareOf(plan.tasks, { index, count })) await putImage(at(name), plan, task);
}
const status = (name: string, verify = true) =>
  statusOf({ run: at(name), plan: at('plan.json'), shards: 2, verify });
const merged = (out: string, ...from: string[]) =>
  merge(
    from.map((name) => at(name)),
    { out: at(out), plan: at('plan.json') },
    signal,
  );

test('status counts what is there, by shard', async () => {
  expect((await status('run')).counts).toMatchObject({ ok: 0, missing: 8 });
  await shard('run', 1);
  const found = await status('run');
  expect(found.counts).toMatchObject({ ok: 4, missing: 4 });
  expect(found.shards).toEqual([
    { shard: '0/2', images: 4, finished: 0 },
    { shard: '1/2', images: 4, finished: 4 },
  ]);
  expect(found.unfinished.map(({ image }) => image)).toEqual(
    shareOf(plan.document.images, { index: 0, count: 2 }),
  );
});

test('folders of two machines merge to the bytes of one', async () => {
  await shard('whole', 0, 1);
  await merged('whole');
  await shard('a', 0);
  await shard('b', 1);
  await merged('c', 'a', 'b');
  expect(hashesBelow(at('c'))).toEqual(hashesBelow(at('whole')));
  expect(printed.at(-1)).toBe('8 of 8 images are done; copied 8');
  await merged('c', 'a', 'b');
  expect(printed.at(-1)).toBe('8 of 8 images are done; copied 0');
  expect(hashesBelow(at('c'))).toEqual(hashesBelow(at('whole')));
});

test('what is missing is listed by name, with exit 75; what is there is merged', async () => {
  await shard('a', 0);
  const missing = shareOf(plan.document.images, { index: 1, count: 2 });
  await expect(merged('c', 'a')).rejects.toMatchObject({
    code: 75,
    message: expect.stringContaining(missing.map((id) => `${id} (missing)`).join(', ')),
  });
  expect((await status('c')).counts).toMatchObject({ ok: 4, missing: 4 });
});

describe('every hash is compared', () => {
  test.each(['png', 'npy', 'json'] as const)(
    'a changed %s is found, and taken from another folder',
    async (kind) => {
      await shard('a', 0, 1);
      await shard('b', 0, 1);
      const paths = await putImage(at('a'), plan, plan.tasks[3]);
      const bytes = await readFile(paths[kind]);
      bytes[bytes.length >> 1] ^= 0x80; // in JSON: no UTF-8 any more
      await writeFile(paths[kind], bytes);
      expect((await status('a')).unfinished).toEqual([{ image: plan.document.images[3], state: 'damaged' }]);
      await expect(merged('c', 'a')).rejects.toMatchObject({ code: 75 });
      await merged('c', 'a', 'b');
      await merged('a', 'b'); // also in place
      expect((await status('a')).counts.ok).toBe(8);
    },
  );

  test('a record without its files, and one of another unit, are damaged', async () => {
    await shard('a', 0, 1);
    const first = await putImage(at('a'), plan, plan.tasks[0]);
    const second = await putImage(at('a'), plan, plan.tasks[1]);
    await rm((await putImage(at('a'), plan, plan.tasks[2])).npy);
    for (const kind of ['png', 'npy', 'json'] as const)
      await writeFile(second[kind], await readFile(first[kind]));
    expect((await status('a')).counts).toMatchObject({ ok: 6, damaged: 2 });
  });
});

test('dead units count as done', async () => {
  await shard('a', 0, 1);
  await putImage(at('a'), plan, plan.tasks[5], { status: 'dead' });
  await merged('c', 'a');
  expect(printed.at(-1)).toBe('8 of 8 images are done; dead 1; copied 8');
});

test('images of two adapters are told apart', async () => {
  await shard('a', 0, 1);
  await shard('b', 0, 1);
  await putImage(at('b'), plan, plan.tasks[2], { fill: 77 });
  await merged('c', 'a', 'b');
  expect(printed.join('\n')).toMatch(/1 images were found with other bytes/);
});

test('images of another run are refused', async () => {
  const other = await writtenPlan(at('other.json'), await smallPlan({ steps: 5 }));
  await putImage(at('a'), other, other.tasks[0]);
  await expect(merged('c', 'a')).rejects.toMatchObject({
    code: 64,
    message: expect.stringContaining('steps was 5'),
  });
  expect((await status('a')).counts).toMatchObject({ otherSettings: 1, missing: 7 });
});
