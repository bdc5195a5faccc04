// Stages: each done once, again when what it is given or what it made has changed, and only then; a failure leaves
// the later ones undone and the earlier ones done.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runStages, type Stage } from '../../src/cli/stages.ts';

let folder: string;
let done: string[];
const signal = new AbortController().signal;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
  done = [];
  vi.spyOn(console, 'error').mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

/** A stage that copies the first letters of its inputs' files and adds its own. */
function stage(name: string, inputs: string[] = [], settings: object = {}, incremental = false): Stage {
  return {
    name,
    reads: () => inputs.map((input) => `${input}.txt`),
    settings,
    incremental,
    run: async () => {
      done.push(name);
      const before = inputs.map((input) => readFileSync(join(folder, `${input}.txt`), 'utf8')).join('');
      writeFileSync(join(folder, `${name}.txt`), `${name[0]}${before}${JSON.stringify(settings)}`);
      return [`${name}.txt`];
    },
  };
}

/** Runs the stages and returns the names of those that did something. */
async function doneBy(stages: Stage[]): Promise<string[]> {
  done = [];
  await runStages(folder, stages, signal);
  return done;
}

const chain = (settings: object = {}) => [
  stage('photos'),
  stage('measure', ['photos'], settings),
  stage('other', ['photos']),
  stage('report', ['measure']),
];

test('nothing is done twice', async () => {
  expect(await doneBy(chain())).toEqual(['photos', 'measure', 'other', 'report']);
  expect(await doneBy(chain())).toEqual([]);
});

test('other settings do the stage and those behind it again', async () => {
  await doneBy(chain());
  expect(await doneBy(chain({ seeds: 2 }))).toEqual(['measure', 'report']);
  expect(await doneBy(chain({ seeds: 2 }))).toEqual([]);
});

test('a spoilt, removed or unrecorded file is made again, and what reads it stays when the bytes are the same', async () => {
  await doneBy(chain());
  writeFileSync(join(folder, 'measure.txt'), 'spoilt');
  expect(await doneBy(chain())).toEqual(['measure']);
  rmSync(join(folder, 'photos.txt'));
  expect(await doneBy(chain())).toEqual(['photos']);
  writeFileSync(join(folder, 'stages', 'report.json'), '{"inputs":');
  expect(await doneBy(chain())).toEqual(['report']);
});

test('an incremental stage always runs, and those behind it only when its files changed', async () => {
  const stages = (settings: object) => [stage('images', [], settings, true), stage('report', ['images'])];
  await doneBy(stages({}));
  expect(await doneBy(stages({}))).toEqual(['images']);
  expect(await doneBy(stages({ more: 1 }))).toEqual(['images', 'report']);
});

test('a failure keeps what came before', async () => {
  const broken = chain();
  broken[1].run = () => Promise.reject(new Error('no space'));
  await expect(runStages(folder, broken, signal)).rejects.toThrow('no space');
  expect(done).toEqual(['photos']);
  expect(await doneBy(chain())).toEqual(['measure', 'other', 'report']);
});

test('a stage that did not write what it says is a bug', async () => {
  const liar = { ...stage('photos'), run: async () => ['nothing.txt'] };
  await expect(runStages(folder, [liar], signal)).rejects.toMatchObject({
    exitClass: 'bug',
    message: 'photos: nothing.txt was not written.',
  });
});

test('an abort ends before the next stage', async () => {
  const stop = new AbortController();
  const stages = chain();
  const { run } = stages[0];
  stages[0].run = () => {
    stop.abort();
    return run();
  };
  await expect(runStages(folder, stages, stop.signal)).rejects.toMatchObject({ name: 'AbortError' });
  expect(done).toEqual(['photos']);
});
