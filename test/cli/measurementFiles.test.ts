import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseBlockFile, readMeasurements, writeMeasurements } from '../../src/cli/measurementFiles.ts';
import { StreamscopeError } from '../../src/error.ts';
import { parseNpy, writeNpy } from '../../src/model/npy.ts';
import { FUZZ_TIMEOUT, fileRefusal, fuzz } from '../support/refusals.ts';
import { syntheticMeasurements } from '../support/syntheticMeasurements.ts';

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'streamscope-measurements-'));
});
afterEach(() => rm(run, { recursive: true }));

const provenance = { command: 'streamscope test', settings: { steps: 512, seeds: [0, 1] } };
const small = { channels: 6, seeds: 2, photographs: 5 };

test('what is written is read again, missing images included', async () => {
  const shallow = syntheticMeasurements({ ...small, block: '1.1', dead: [2], photographs: 0 });
  const deep = syntheticMeasurements({ ...small, block: '10.0' });
  const middle = syntheticMeasurements({ ...small, block: '2.0' });
  for (const block of [deep, shallow, middle]) await writeMeasurements(run, block, provenance);
  const stored = await readMeasurements(run);
  expect(stored.map(({ measurements }) => measurements)).toEqual([shallow, middle, deep]);
  expect(stored[0].provenance).toEqual(provenance);
  expect(stored[0].measurements.seeds[0].responses.O.I![2]).toBeNaN();
});

test('a response that was not measured stays absent', async () => {
  const block = syntheticMeasurements(small);
  delete block.seeds[0].responses.I.O;
  delete block.seeds[0].tuning;
  await writeMeasurements(run, block);
  const [{ measurements }] = await readMeasurements(run);
  expect(measurements).toEqual(block);
});

test('the files are named as they lie in the run folder', async () => {
  const files = await writeMeasurements(run, syntheticMeasurements(small));
  const found = await readdir(join(run, 'measurements', '2.1'));
  expect(files.sort()).toEqual(found.map((name) => join('measurements', '2.1', name)).sort());
});

test('the same measurements give the same bytes', async () => {
  const folder = join(run, 'measurements', '2.1');
  const bytes = async () =>
    Promise.all((await readdir(folder)).sort().map((name) => readFile(join(folder, name), 'base64')));
  await writeMeasurements(run, syntheticMeasurements(small), provenance);
  const first = await bytes();
  await writeMeasurements(run, syntheticMeasurements(small), provenance);
  expect(await bytes()).toEqual(first);
});

test('arrays have the shapes that the measurements promise', async () => {
  await writeMeasurements(run, syntheticMeasurements(small));
  const shape = async (name: string) =>
    parseNpy(await readFile(join(run, 'measurements', '2.1', `${name}.npy`))).shape;
  expect(await shape('seed1.responses.O.I')).toEqual([6, 1]);
  expect(await shape('natural.scale.blockOnInput')).toEqual([6, 9]);
  expect(await shape('natural.activations.B')).toEqual([5, 6]);
  expect(await shape('seed0.tuning')).toEqual([6, 11]);
});

const refusal = async (): Promise<StreamscopeError> => {
  const error = await readMeasurements(run).catch((reason) => reason);
  expect(error).toBeInstanceOf(StreamscopeError);
  return error;
};

test('an edited array, a torn description and an empty run are refused by name', async () => {
  expect((await refusal()).message).toContain('holds no measurements');
  await writeMeasurements(run, syntheticMeasurements(small));
  const folder = join(run, 'measurements', '2.1');
  const array = join(folder, 'seed0.responses.I.I.npy');
  const bytes = await readFile(array);
  bytes[bytes.length - 1] ^= 1;
  await writeFile(array, bytes);
  expect((await refusal()).message).toContain('seed0.responses.I.I.npy: it is not what block.json names');
  const description = join(folder, 'block.json');
  await writeFile(description, (await readFile(description)).subarray(0, 40));
  expect((await refusal()).message).toContain('block.json: it is not JSON');
  await writeFile(description, '{"format": "streamscope measurements 0"}');
  expect(await refusal()).toMatchObject({ code: 65 });
});

test('a description that leads out of its folder, or is of another block, is refused', async () => {
  await writeMeasurements(run, syntheticMeasurements(small));
  const description = join(run, 'measurements', '2.1', 'block.json');
  const json = JSON.parse(await readFile(description, 'utf8'));
  await writeFile(description, JSON.stringify({ ...json, arrays: { '../../x': 'hash' } }));
  expect((await refusal()).message).toContain('arrays');
  await writeFile(description, JSON.stringify({ ...json, block: '3.1' }));
  expect((await refusal()).message).toContain('it is about block 3.1');
});

const description = () => join(run, 'measurements', '2.1', 'block.json');

test.each<[string, (json: Record<string, unknown>) => unknown]>([
  ['a list', () => []],
  ['channels of -1', (json) => ({ ...json, channels: -1 })],
  ['channels of 2^53', (json) => ({ ...json, channels: 2 ** 53 })],
  ['more channels than its arrays', (json) => ({ ...json, channels: 7 })],
  ['no seeds', (json) => ({ ...json, seeds: [] })],
  [
    'a seed that was not measured',
    (json) => ({ ...json, seeds: [{ seed: 9, imagesPerChannel: 1, invariance: [] }] }),
  ],
  [
    'a billion photographs',
    (json) => ({ ...json, natural: { images: 1e9, imagesPerChannel: 9, invariance: [] } }),
  ],
  ['an array that is not there', (json) => ({ ...json, arrays: { ...(json.arrays as object), more: 'ab' } })],
  [
    'an array called __proto__',
    (json) => JSON.parse(JSON.stringify(json).replace('"weight.batchNorm"', '"__proto__"')),
  ],
  ['an absolute path', (json) => ({ ...json, arrays: { '/etc/passwd': 'ab' } })],
  ['no arrays', (json) => ({ ...json, arrays: {} })],
  ['a block that climbs', (json) => ({ ...json, block: '../2.1' })],
])('a description with %s is refused', async (_, change) => {
  await writeMeasurements(run, syntheticMeasurements(small));
  const json = JSON.parse(await readFile(description(), 'utf8'));
  await writeFile(description(), JSON.stringify(change(json)));
  const error = await readMeasurements(run).catch((reason) => reason);
  expect(error).toBeInstanceOf(StreamscopeError);
  expect([65, 74]).toContain(error.code); // 74: a file that it names is not there
});

test('an array of another type, or of half its size, is refused although its hash is right', async () => {
  await writeMeasurements(run, syntheticMeasurements(small));
  const json = JSON.parse(await readFile(description(), 'utf8'));
  const path = join(run, 'measurements', '2.1', 'weight.batchNorm.npy');
  for (const bytes of [
    writeNpy([6], new Int32Array(6)),
    writeNpy([3], new Float64Array(3)),
    new Uint8Array(0),
  ]) {
    await writeFile(path, bytes);
    json.arrays['weight.batchNorm'] = createHash('sha256').update(bytes).digest('hex');
    await writeFile(description(), JSON.stringify(json));
    await fileRefusal(() => readMeasurements(run));
  }
});

test(
  'a mutated description is refused or read',
  async () => {
    await writeMeasurements(run, syntheticMeasurements(small), provenance);
    const { refused } = fuzz([new Uint8Array(await readFile(description()))], (bytes) =>
      parseBlockFile('block.json', bytes),
    );
    expect(refused).toBeGreaterThan(0);
  },
  FUZZ_TIMEOUT,
);
