import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readAblations } from '../../src/cli/ablationRecords.ts';

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'streamscope-ablations-'));
});
afterEach(() => rm(run, { recursive: true }));

const ablation = {
  block: '2.1',
  replacement: 'mean',
  channels: [1, 2],
  scales: [1, 1.1],
  intact: [0.7, 0.6],
  ablated: [0.6, 0.4],
  trials: [{ channels: [3, 4], accuracy: [0.6, 0.5] }],
};

async function write(name: string, content: unknown): Promise<void> {
  await mkdir(join(run, 'ablation'), { recursive: true });
  await writeFile(
    join(run, 'ablation', name),
    typeof content === 'string' ? content : JSON.stringify(content),
  );
}

test('ablations by name; further facts and unfinished ones are passed over', async () => {
  expect(await readAblations(run)).toEqual([]);
  await write('2.1.O-zero.json', { ablation: { ...ablation, replacement: 'zero' }, adapter: 'x' });
  await write('2.1.O-mean.json', { ablation: { ...ablation, tap: '2.1.O' }, settings: {} });
  await write('2.1.B-mean.partial.json', '{');
  expect((await readAblations(run)).map(({ replacement }) => replacement)).toEqual(['mean', 'zero']);
});

test.each([
  ['not JSON', '{'],
  ['an accuracy of 60', { ablation: { ...ablation, ablated: [60, 40] } }],
  ['a scale without accuracy', { ablation: { ...ablation, ablated: [0.6] } }],
])('damaged: %s', async (_, content) => {
  await write('2.1.O-mean.json', content);
  await expect(readAblations(run)).rejects.toMatchObject({
    code: 65,
    message: expect.stringContaining('2.1.O-mean.json is damaged'),
  });
});
