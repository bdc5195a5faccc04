// Batches of a stream: in order, whole but for the last, one ahead, and errors where they are awaited.

import { expect, test } from 'vitest';
import { batches } from '../../src/analysis/collect.ts';

/** 0 .. count-1, and notes how far it was asked. */
async function* counting(count: number, asked: number[] = [], failAt = -1) {
  for (let i = 0; i < count; i++) {
    asked.push(i);
    if (i === failAt) throw new Error('unreadable');
    yield i;
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test.each([
  [0, 3, []],
  [3, 3, [[0, 1, 2]]],
  [7, 3, [[0, 1, 2], [3, 4, 5], [6]]],
])('%i items by %i', async (count, size, expected) => {
  expect(await all(batches(counting(count), size))).toEqual(expected);
});

test('the next batch is fetched while one is worked on, and no more', async () => {
  const asked: number[] = [];
  const stream = batches(counting(100, asked), 2);
  await stream.next();
  await new Promise((done) => setTimeout(done, 5));
  expect(asked).toEqual([0, 1, 2, 3]);
});

test('what fails is thrown after the batches before it', async () => {
  const stream = batches(counting(9, [], 5), 2);
  expect((await stream.next()).value).toEqual([0, 1]);
  expect((await stream.next()).value).toEqual([2, 3]);
  await expect(stream.next()).rejects.toThrow('unreadable');
});
