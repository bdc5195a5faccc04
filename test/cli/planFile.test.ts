// Plans from strangers: read whole or refused, and no name in one leads out of the run folder.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PlanDocument, planDocument, runSettings, settingsHash } from '../../src/analysis/plan.ts';
import { writePlan } from '../../src/cli/plan.ts';
import { campaignSettings, type Plan, parsePlan, readPlan, requirePlanOf } from '../../src/cli/planFile.ts';
import { pathsOf } from '../../src/cli/runFolder.ts';
import { network, smallPlan, writtenPlan } from '../support/plannedRun.ts';
import { FUZZ_TIMEOUT, fileRefusal, fuzzAsync } from '../support/refusals.ts';

let folder: string;
let valid: PlanDocument;
const file = () => join(folder, 'plan.json');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'streamscope-plan-'));
  valid = await smallPlan();
});
afterAll(() => rm(folder, { recursive: true }));

/** A plan with other fields, and the hash of its settings unless that is among them. */
async function changed(fields: Record<string, unknown>): Promise<string> {
  const document: Record<string, unknown> = { ...valid, ...fields };
  if (!('settingsHash' in fields)) document.settingsHash = await settingsHash(document.settings as object);
  return JSON.stringify(document);
}
const withSettings = (fields: object) => changed({ settings: { ...valid.settings, ...fields } });
const refused = async (text: string) => {
  await writeFile(file(), text);
  return fileRefusal(() => readPlan(file(), network), text.length);
};

test('a plan that was written is read', async () => {
  const plan = await writtenPlan(file());
  expect(plan.document).toEqual(valid);
  expect(plan.tasks.map(({ unit, index }) => `${unit.tap.place}:${unit.channel}#${index}`)).toEqual([
    ...['1.0.O:0#0', '1.0.O:1#0', '1.1.B:0#0', '1.1.B:1#0'],
    ...['1.0.O:0#1', '1.0.O:1#1', '1.1.B:0#1', '1.1.B:1#1'],
  ]);
  expect(runSettings(network, valid.settings.weightsSha256, campaignSettings(valid))).toEqual(valid.settings);
});

describe('a plan is refused', () => {
  test.each<[string, string, RegExp]>([
    ['that is empty', '', /not JSON/],
    ['that is a list', '[]', /settingsHash/],
    ['that is null', 'null', /document/],
    ['a thousand deep', '['.repeat(1000), /deeper than 32/],
    ['of another kind', '{"settings": {}}', /no plan/],
  ])('%s', async (_, text, message) => {
    expect(await refused(text)).toMatch(message);
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['an unknown field', { command: 'rm -rf /' }, /command/],
    ['a hash that is not its settings’', { settingsHash: '00'.repeat(32) }, /settingsHash/],
    ['no images', { images: [] }, /no images/],
    ['an image twice', { images: ['1.1.B:0/center/0', '1.1.B:0/center/0'] }, /twice/],
    ['a number for images', { images: 7 }, /images/],
    ['a number among them', { images: [7] }, /images/],
    ['a name that climbs', { images: ['../../etc:0/center/0'] }, /no image of/],
    ['a module for a place', { images: ['layer1.0:0/center/0'] }, /no image of/],
    ['the second name of a place', { images: ['1.1.I:0/center/0'] }, /no image of/],
    ['__proto__', { images: ['__proto__:0/center/0'] }, /no image of/],
    ['an objective that climbs', { images: ['1.1.B:0/../../x/0'] }, /no image of/],
    ['a channel beyond the last', { images: ['1.1.B:2/center/0'] }, /no image of/],
    ['a channel of 2^53', { images: ['1.1.B:9007199254740992/center/0'] }, /no image of/],
    ['a channel written otherwise', { images: ['1.1.B:00/center/0'] }, /no image of/],
    ['a negative index', { images: ['1.1.B:0/center/-1'] }, /no image of/],
    ['a line break in a name', { images: ['1.1.B:0/center/0\n'] }, /no image of/],
    ['seeds of 0', { seeds: 0 }, /seeds/],
    ['seeds of 1.5', { seeds: 1.5 }, /seeds/],
    ['a negative channel to display', { display: { '1.1': [-1] } }, /display/],
  ])('with %s', async (_, fields, message) => {
    expect(await refused(await changed(fields))).toMatch(message);
  });

  test.each<[string, object]>([
    ['another network', { network: 'vgg16' }],
    ['a network that climbs', { network: '../resnet18' }],
    ['a hash that is none', { weightsSha256: '../../etc/passwd' }],
    ['no steps', { steps: 0 }],
    ['half a step', { steps: 0.5 }],
    ['a negative seed', { seed: -1 }],
    ['a size of 2^40', { size: 2 ** 40 }],
    ['a thousand retries', { retries: 1000 }],
    ['a learning rate of 0', { learningRate: 0 }],
    ['a jitter of text', { jitter: 'none' }],
    ['an unknown mode', { jitterMode: '__proto__' }],
    ['a setting too many', { exec: 'id' }],
  ])('with %s in its settings', async (_, fields) => {
    expect(await refused(await withSettings(fields))).toMatch(/settings/);
  });

  test('with a learning rate beyond all numbers', async () => {
    const text = (await changed({})).replace('"learningRate":0.05', '"learningRate":1e999');
    expect(await refused(text)).toMatch(/learningRate/);
  });
});

describe('before anything is computed, a plan is made again and compared', () => {
  const opened = () => ({ network, sha256: valid.settings.weightsSha256, path: 'w', weights: new Map() });
  const planOf = async (fields: Partial<PlanDocument>): Promise<Plan> => ({
    ...(await writtenPlan(file())),
    document: { ...valid, ...fields },
  });
  const refusedPlan = async (fields: Partial<PlanDocument>) =>
    fileRefusal(async () => requirePlanOf(opened(), await planOf(fields)));

  test('the same plan passes', async () => {
    await requirePlanOf(opened(), await planOf({}));
    const display = new Map([['1.1', [1]]]);
    const shown = await planDocument(network, valid.settings, {
      blocks: [network.blocks[1]],
      seeds: 1,
      display,
    });
    await requirePlanOf(opened(), await writtenPlan(file(), shown));
  });

  test.each<[string, Partial<PlanDocument>]>([
    ['a billion seeds', { seeds: 1e9 }],
    ['2^53 - 1 seeds', { seeds: 2 ** 53 - 1 }],
    ['no blocks', { blocks: [] }],
    ['a block twice', { blocks: ['1.1', '1.1'] }],
    ['an unknown block', { blocks: ['1.1', '__proto__'] }],
    ['channels to display that nobody has', { display: { '1.1': [99_999] } }],
    ['a block to display that nobody has', { display: { '9.9': [0] } }],
  ])('%s', async (_, fields) => {
    expect(await refusedPlan(fields)).toMatch(/not what plan makes/);
  });

  test('images in another order, or fewer', async () => {
    expect(await refusedPlan({ images: valid.images.toReversed() })).toMatch(/not what plan makes/);
    expect(await refusedPlan({ images: valid.images.slice(1) })).toMatch(/not what plan makes/);
  });
});

test(
  'mutations are refused, or lead to paths below the run folder',
  async () => {
    const { refused: count } = await fuzzAsync(
      [new TextEncoder().encode(writePlan(valid))],
      async (bytes) => {
        const { tasks } = await parsePlan(bytes, 'plan.json', network);
        for (const task of tasks)
          expect(pathsOf('/run', network.name, task).png).toMatch(
            /^\/run\/resnet18\/[\w.]+\/unit\d\/\d+_distill_\w+\.png$/,
          );
      },
    );
    expect(count).toBeGreaterThan(0);
  },
  FUZZ_TIMEOUT,
);
