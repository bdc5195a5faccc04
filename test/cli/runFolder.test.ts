// Records of images and of runs that were torn, edited, copied elsewhere or made to harm: such an image is made again,
// such a run is refused, and no other file is read for their sake.

import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { imageSettings } from '../../src/analysis/plan.ts';
import type { Plan } from '../../src/cli/planFile.ts';
import { finishedImage, type ImagePaths, parseSidecar } from '../../src/cli/runFolder.ts';
import { openRun, parseRun, runFile } from '../../src/cli/runSettings.ts';
import { putImage, writtenPlan } from '../support/plannedRun.ts';
import { FUZZ_TIMEOUT, fileRefusal, fuzz, refusal } from '../support/refusals.ts';

let run: string;
let plan: Plan;
let paths: ImagePaths;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'streamscope-run-'));
  plan = await writtenPlan(join(run, 'plan.json'));
  paths = await putImage(run, plan, plan.tasks[0]);
});
afterEach(() => rm(run, { recursive: true }));

const settings = () => imageSettings(plan.document.settings, plan.tasks[0]);
const found = () => finishedImage(paths, plan.tasks[0], settings());
const deep = (levels: number) => '{"a":'.repeat(levels) + 1 + '}'.repeat(levels);

describe('an image counts as done', () => {
  test('when its record and files are as they were written', async () => {
    expect(await found()).toMatchObject({ status: 'ok', activation: 1.5 });
  });

  const changes: [string, (record: Record<string, unknown>) => unknown][] = [
    ['the record of another image', (record) => ({ ...record, image: '1.1.B:1/center/0' })],
    ['a record without its name', ({ image: _, ...record }) => record],
    ['an unknown status', (record) => ({ ...record, status: 'fine' })],
    ['a status called __proto__', (record) => ({ ...record, status: '__proto__' })],
    ['ok without an activation', ({ activation: _, ...record }) => record],
    ['an activation of text', (record) => ({ ...record, activation: '13.1' })],
    ['an activation of null', (record) => ({ ...record, activation: null })],
    ['settings that are a list', (record) => ({ ...record, settings: [] })],
    ['files that are a list of names', (record) => ({ ...record, files: ['0_distill_center.png'] })],
    ['files with numbers for hashes', (record) => ({ ...record, files: { '0_distill_center.png': 0 } })],
    ['no files', (record) => ({ ...record, files: {} })],
    [
      'hashes of files elsewhere',
      ({ files, ...record }) => ({
        ...record,
        files: Object.fromEntries(
          Object.entries(files as object).map(([name, hash]) => [`../${name}`, hash]),
        ),
      }),
    ],
    ['hashes in capitals', (record) => ({ ...record, files: upper(record.files as Record<string, string>) })],
  ];
  const upper = (files: Record<string, string>) =>
    Object.fromEntries(Object.entries(files).map(([name, hash]) => [name, hash.toUpperCase()]));

  test.each(changes)('not with %s', async (_, change) => {
    const record = JSON.parse(await readFile(paths.json, 'utf8'));
    await writeFile(paths.json, JSON.stringify(change(record)));
    expect(await found()).toBeUndefined();
  });

  test.each<[string, string]>([
    ['nothing', ''],
    ['text', '"ok"'],
    ['null', 'null'],
    ['a thousand levels', deep(1000)],
    ['a hundred thousand levels in its settings', `{"status":"ok","settings":${deep(100_000)}}`],
  ])('not with a record of %s', async (_, text) => {
    await writeFile(paths.json, text);
    expect(await found()).toBeUndefined();
  });

  test('not when a file is short, long, gone, or a link to nowhere', async () => {
    const bytes = await readFile(paths.png);
    for (const other of [bytes.subarray(1), Buffer.concat([bytes, bytes]), Buffer.alloc(0)]) {
      await writeFile(paths.png, other);
      expect(await found()).toBeUndefined();
    }
    await rm(paths.png);
    expect(await found()).toBeUndefined();
    await symlink(join(run, 'nowhere'), paths.png);
    expect(await found()).toBeUndefined();
  });

  test(
    'mutations are read or not, and nothing else happens',
    async () => {
      const record = new Uint8Array(await readFile(paths.json));
      let damaged = 0;
      fuzz([record], (bytes) => {
        const sidecar = parseSidecar(bytes, plan.tasks[0]);
        if (sidecar === 'damaged') damaged++;
        else if (sidecar.status === 'ok') expect(sidecar.activation).toBeTypeOf('number');
      });
      expect(damaged).toBeGreaterThan(0);
    },
    FUZZ_TIMEOUT,
  );
});

describe('run.json', () => {
  beforeEach(async () => void (await openRun(run, plan.document.settings)));

  test.each<[string, string]>([
    ['nothing', ''],
    ['half of it', '{"settingsHash": "ab", "sett'],
    ['a list', '[]'],
    ['no program', JSON.stringify({ settingsHash: 'ab', settings: { network: 'a', weightsSha256: 'ab' } })],
    ['settings that are text', '{"settingsHash": "ab", "settings": "all"}'],
    ['settings without a network', '{"settingsHash": "ab", "settings": {"weightsSha256": "ab"}}'],
    [
      'a number for the network',
      '{"settingsHash": "ab", "settings": {"network": 18, "weightsSha256": "ab"}}',
    ],
    ['a thousand levels', deep(1000)],
    ['no UTF-8', '\ud800'],
  ])('of %s is refused, and left as it is', async (_, text) => {
    await writeFile(runFile(run), text);
    expect(await fileRefusal(() => openRun(run, plan.document.settings))).toMatch(/run\.json is damaged/);
    expect(await readFile(runFile(run))).toEqual(Buffer.from(text));
  });

  test.each<[string, object]>([
    ['other steps', { steps: 5 }],
    ['another seed', { seed: 1 }],
    ['another rate', { learningRate: 0.1 }],
    ['another jitter', { jitter: 0 }],
    ['another mode', { jitterMode: 'centered' }],
    ['another size', { size: 96 }],
    ['other scales', { scales: [1] }],
    ['other weights', { weightsSha256: '00'.repeat(32) }],
    ['another network', { network: 'resnet34' }],
  ])('with %s is refused', async (_, other) => {
    const opening = openRun(run, { ...plan.document.settings, ...other });
    await expect(opening).rejects.toMatchObject({ code: 64 });
  });

  test('of another version of the program is continued with a warning', async () => {
    const written = JSON.parse(await readFile(runFile(run), 'utf8'));
    await writeFile(runFile(run), JSON.stringify({ ...written, streamscope: '0.0.7' }));
    const said = vi.spyOn(console, 'error').mockImplementation(() => {});
    try {
      expect(await openRun(run, plan.document.settings)).toBe(written.settingsHash);
      expect(said.mock.calls.flat()).toEqual([expect.stringContaining('was begun with streamscope 0.0.7')]);
    } finally {
      said.mockRestore();
    }
  });

  test(
    'mutations are refused or read',
    async () => {
      const valid = new Uint8Array(await readFile(runFile(run)));
      const { accepted, refused } = fuzz([valid], (bytes) => JSON.stringify(parseRun(bytes, 'run.json')));
      expect(Math.min(accepted, refused)).toBeGreaterThan(0);
      expect(refusal(() => parseRun(valid.subarray(1), 'run.json'))).toMatch(/damaged/);
    },
    FUZZ_TIMEOUT,
  );
});
