// Which images a shard is, and where that is known from.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keepPlan, parseShard, shardOfEnvironment, shareOf } from '../../src/cli/shard.ts';
import { smallPlan, writtenPlan } from '../support/plannedRun.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'streamscope-shard-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('--shard', () => {
  test('is i/n', () => {
    expect(parseShard('0/1')).toEqual({ index: 0, count: 1 });
    expect(parseShard('7/8')).toEqual({ index: 7, count: 8 });
  });
  test.each(['', '8/8', '1/0', '-1/8', '1.5/8', '1', '1/8/2', 'a/b', ' 1/8', '0/1e3', '0/99999999'])(
    'is not "%s"',
    (text) => {
      expect(() => parseShard(text)).toThrow(expect.objectContaining({ code: 64 }));
    },
  );
});

describe('a scheduler', () => {
  const slurm = (id: string, count: string, min = '0', max = `${Number(count) - 1}`) => ({
    SLURM_ARRAY_TASK_ID: id,
    SLURM_ARRAY_TASK_COUNT: count,
    SLURM_ARRAY_TASK_MIN: min,
    SLURM_ARRAY_TASK_MAX: max,
  });
  test('says which shard', () => {
    expect(shardOfEnvironment(slurm('3', '8'))).toEqual({ index: 3, count: 8 });
    const kubernetes = { JOB_COMPLETION_INDEX: '2', STREAMSCOPE_SHARDS: '4' };
    expect(shardOfEnvironment(kubernetes)).toEqual({ index: 2, count: 4 });
  });
  test('may run some tasks of an array again', () => {
    const again = { ...slurm('3', '1', '3', '3'), STREAMSCOPE_SHARDS: '8' };
    expect(shardOfEnvironment(again)).toEqual({ index: 3, count: 8 });
  });
  test.each<[string, Record<string, string>]>([
    ['nothing', {}],
    ['an index alone', { JOB_COMPLETION_INDEX: '2' }],
    ['a part of an array', slurm('3', '1', '3', '3')],
    ['an array from 1', slurm('1', '8', '1', '8')],
    ['an array with gaps', slurm('0', '4', '0', '6')],
    ['an index beyond the shards', { JOB_COMPLETION_INDEX: '4', STREAMSCOPE_SHARDS: '4' }],
    ['an index that is none', { JOB_COMPLETION_INDEX: '', STREAMSCOPE_SHARDS: '4' }],
  ])('that says %s is refused', (_, environment) => {
    expect(() => shardOfEnvironment(environment)).toThrow(expect.objectContaining({ code: 64 }));
  });
});

test.each([1, 2, 3, 7, 40])('%i shards hold everything once, and equally much', (count) => {
  const list = Array.from({ length: 23 }, (_, i) => i);
  const shares = Array.from({ length: count }, (_, index) => shareOf(list, { index, count }));
  expect(shares.flat().sort((a, b) => a - b)).toEqual(list);
  const lengths = shares.map(({ length }) => length);
  expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
});

test('a run folder keeps to one plan', async () => {
  const run = join(folder, 'run');
  const plan = await writtenPlan(join(folder, 'plan.json'));
  await keepPlan(run, plan);
  await keepPlan(run, plan);
  const other = await writtenPlan(join(folder, 'other.json'), await smallPlan({ seeds: 3 }));
  await expect(keepPlan(run, other)).rejects.toMatchObject({ code: 64 });
});
