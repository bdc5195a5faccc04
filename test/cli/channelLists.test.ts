// Lists as typed, and channels from the report of a run.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { channelsOfRun, notNegative, numbers, parseChannels } from '../../src/cli/channelLists.ts';

const folder = mkdtempSync(join(tmpdir(), 'streamscope-lists-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('channels', () => {
  expect(parseChannels('3, 7,12-15,7')).toEqual([3, 7, 12, 13, 14, 15]);
  for (const wrong of ['', 'a', '5-3', '1,,2', '-1', '0-9999999'])
    expect(() => parseChannels(wrong), wrong).toThrow(/is no channel/);
});

test('numbers', () => {
  expect(numbers('1,1.1, 1.5')).toEqual([1, 1.1, 1.5]);
  for (const wrong of ['', '1,', '1;2']) expect(() => numbers(wrong), wrong).toThrow(/no list of numbers/);
  expect(notNegative('--margin')('0.5')).toBe(0.5);
  for (const wrong of ['-1', 'x', '']) expect(() => notNegative('--margin')(wrong)).toThrow(/--margin is/);
});

test('channels of a run are those that passed with its first seed', async () => {
  const run = (name: string, content: unknown) => {
    mkdirSync(join(folder, name));
    writeFileSync(
      join(folder, name, 'report.json'),
      typeof content === 'string' ? content : JSON.stringify(content),
    );
    return join(folder, name);
  };
  const seeds = (...passing: number[][]) =>
    passing.map((list) => ({ invariance: { scale: { passing: list } } }));
  const blocks = [
    { block: '1.1', seeds: seeds([46, 19], [7]) },
    { block: '3.0', seeds: seeds([]) },
    { block: '2.0', seeds: [{ invariance: {} }] },
  ];
  const good = run('good', { blocks });
  expect(await channelsOfRun(good, '1.1')).toEqual([46, 19]);
  await expect(channelsOfRun(good, '3.0')).rejects.toThrow(/no channel of block 3\.0 is scale invariant/);
  await expect(channelsOfRun(good, '2.0')).rejects.toThrow(/no scale criteria of block 2\.0/);
  await expect(channelsOfRun(good, '4.1')).rejects.toThrow(/no scale criteria of block 4\.1/);
  await expect(channelsOfRun(run('odd', '{'), '1.1')).rejects.toThrow(/is no report/);
  await expect(channelsOfRun(join(folder, 'none'), '1.1')).rejects.toMatchObject({ code: 74 });
});
