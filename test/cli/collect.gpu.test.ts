// streamscope collect as a person meets it: bytes that depend on neither batch nor interruption, further blocks,
// bad files named and counted, and every way to be refused.

import { execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { errorOverRms } from '../../src/engine/selfTest.ts';
import { parseNpy } from '../../src/model/npy.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { prepare } from '../../src/model/preprocess.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { measureObjective } from '../../src/visualization/measure.ts';
import { fromBytes } from '../../src/visualization/pixels.ts';
import { encodePng } from '../../src/visualization/png.ts';
import fixture from '../fixtures/images.json' with { type: 'json' };
import { runCommand } from '../support/commandLine.ts';
import { picture } from '../support/pictures.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-collect-'));
const at = (...parts: string[]) => join(folder, ...parts);
const { network, weights } = syntheticModel({ width: 8 });
const pictures = Array.from({ length: 23 }, (_, n) => picture(90 + n, 120 - 2 * n));

const streamscope = (args: readonly string[]) => runCommand(root, args, { cwd: folder });
const collect = (out: string, ...args: string[]) =>
  streamscope(['collect', '--weights', at('w.safetensors'), '--out', at(out), '--progress', 'none', ...args]);
/** Starts a command and ends it with SIGKILL once `when` says so; returns the signal that ended it. */
const killed = (args: readonly string[], when: () => boolean): Promise<NodeJS.Signals | null> =>
  new Promise((done) => {
    const child = spawn(process.execPath, [join(root, 'dist/streamscope.js'), ...args]);
    const watch = setInterval(() => when() && child.kill('SIGKILL'), 5);
    child.on('close', (_, signal) => {
      clearInterval(watch);
      done(signal);
    });
  });
/** Every file of a folder. */
const filesIn = (path: string): Map<string, string> =>
  new Map(
    readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(path, name)).isFile())
      .sort()
      .map((name) => [name, readFileSync(join(path, name)).toString('base64')]),
  );

beforeAll(() => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  writeFileSync(at('w.safetensors'), writeSafetensors(weights));
  pictures.forEach(({ height, width, data }, n) => {
    const label = at('photos', `n${n % 3}`);
    mkdirSync(label, { recursive: true });
    writeFileSync(join(label, `${String(n).padStart(2, '0')}.png`), encodePng(data, height, width));
  });
  mkdirSync(at('mixed'));
  for (const name of ['colour.jpg', 'cmyk.jpg', 'colour16.png', 'one.png', 'cut.jpg', 'empty.jpg'] as const)
    writeFileSync(at('mixed', name), Buffer.from(fixture[name].file, 'base64'));
  writeFileSync(at('mixed', 'notes.txt'), 'no image');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a folder of classes', () => {
  test('is collected in order, with hashes, labels and activations of the images', async () => {
    const { code, stdout, stderr } = await collect(
      'run',
      '--images',
      at('photos'),
      '--blocks',
      '1.1,2.0',
      '--batch',
      '4',
    );
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^1\.0\.O {2}23 images {2}.*layer1\.0.activations\.npy\n1\.1\.B/);
    const record = JSON.parse(readFileSync(at('run', 'resnet18', 'collected.json'), 'utf8'));
    expect(record).toMatchObject({
      counts: { images: 23, skipped: 0, notes: {} },
      labels: ['n0', 'n1', 'n2'],
    });
    expect(Object.keys(record.places)).toEqual(['1.0.O', '1.1.B', '1.1.O', '2.0.I', '2.0.B', '2.0.O']);
    expect(record.images[8]).toEqual({
      name: 'n1/01.png',
      label: 'n1',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });

    // against the objective, measured on its own in another order
    const gpu = await Gpu.acquire();
    const context = { gpu, network, parameters: new Parameters(gpu, weights) };
    const order = [0, 1, 2].flatMap((label) => pictures.map((_, n) => n).filter((n) => n % 3 === label));
    const samples = order.map((n) => ({ image: fromBytes(prepare(pictures[n]).data), channel: n % 8 }));
    const expected = await measureObjective(context, '2.0.B', 'center', 224, samples);
    gpu.close();
    const { shape, data } = parseNpy(readFileSync(at('run', 'resnet18', 'layer2.0.bn2', 'activations.npy')));
    expect(shape).toEqual([23, 16]);
    expect(
      errorOverRms(
        samples.map(({ channel }, i) => data[i * 16 + channel]),
        expected,
      ),
    ).toBeLessThan(1e-5);

    const { top, bottom } = JSON.parse(
      readFileSync(at('run', 'resnet18', 'layer2.0.bn2', 'topImages.json'), 'utf8'),
    );
    const column = order.map((_, i) => data[i * 16 + 5]);
    expect(column[top[5][0]]).toBe(Math.max(...column));
    expect(column[bottom[5][0]]).toBe(Math.min(...column));
    expect(top[5]).toHaveLength(9);
  });

  test('gives the same bytes in other batches, and killed on the way', async () => {
    const args = ['--images', at('photos'), '--blocks', '1.1,2.0'];
    expect((await collect('batched', ...args, '--batch', '7')).code).toBe(0);
    expect(filesIn(at('batched'))).toEqual(filesIn(at('run')));

    const part = at('killed', 'resnet18', 'layer1.1', 'activations.npy.part');
    const killWhen = () => existsSync(part) && statSync(part).size > 128 + 5 * 8 * 4;
    const command = [
      'collect',
      '--weights',
      at('w.safetensors'),
      '--out',
      at('killed'),
      ...args,
      '--batch',
      '1',
    ];
    expect(await killed(command, killWhen)).toBe('SIGKILL');
    expect(existsSync(at('killed', 'resnet18', 'collected.json'))).toBe(false);
    const again = await collect('killed', ...args);
    expect(again.stderr).toMatch(/of 23 images are already measured/);
    expect(filesIn(at('killed'))).toEqual(filesIn(at('run')));
  });

  test('further blocks are added, done ones are kept, spoilt ones made anew', async () => {
    cpSync(at('run'), at('grown'), { recursive: true });
    const grown = await collect('grown', '--images', at('photos'), '--blocks', '1.1,2.1');
    expect(grown.code, grown.stderr).toBe(0);
    expect(grown.stderr).toMatch(/4 of 6 places are already collected/);
    expect(existsSync(at('grown', 'resnet18', 'layer2.1', 'activations.npy'))).toBe(true);
    const { places } = JSON.parse(readFileSync(at('grown', 'resnet18', 'collected.json'), 'utf8'));
    expect(Object.keys(places)).toHaveLength(8);

    const file = at('grown', 'resnet18', 'layer1.1', 'activations.npy');
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, 200));
    expect((await collect('grown', '--images', at('photos'), '--blocks', '1.1')).code).toBe(0);
    expect(readFileSync(file)).toEqual(bytes);
  });

  test('crops are the network’s input, one file per image', async () => {
    const { code, stderr } = await collect('run', '--images', at('photos'), '--blocks', '1.1', '--crops');
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/3 of 3 places are already collected/);
    expect(readdirSync(at('run', 'resnet18', 'crops'))).toHaveLength(23);
    const png = PNG.sync.read(readFileSync(at('run', 'resnet18', 'crops', '8.png')));
    const rgb = Uint8Array.from(png.data.filter((_, i) => i % 4 < 3));
    expect(rgb).toEqual(prepare(pictures[1]).data);
  });
});

test('bad files are named and counted, odd ones converted and counted', async () => {
  const { code, stdout, stderr } = await collect(
    'mixed-run',
    '--images',
    at('mixed'),
    '--blocks',
    '1.1',
    '--json',
  );
  expect(code, stderr).toBe(0);
  const { counts, skipped } = JSON.parse(stdout);
  expect(counts).toEqual({ images: 4, skipped: 3, notes: { CMYK: 1, '16 bits': 1, tiny: 4 } });
  expect(skipped.map(({ name }: { name: string }) => name).sort()).toEqual([
    'cut.jpg',
    'empty.jpg',
    'notes.txt',
  ]);
  expect(stderr).toMatch(/left out cut\.jpg: it cannot be decoded/);
  expect(stderr).toMatch(/left out empty\.jpg: the file is empty/);
  expect(stderr).toMatch(/converted: 16 bits \(1\)|converted: .*CMYK \(1\)/);
  const record = JSON.parse(readFileSync(at('mixed-run', 'resnet18', 'collected.json'), 'utf8'));
  expect(record.labels).toBeUndefined();
  expect(record.images.map(({ name }: { name: string }) => name)).toEqual([
    'cmyk.jpg',
    'colour.jpg',
    'colour16.png',
    'one.png',
  ]);
});

describe('refused', () => {
  test('an empty folder, one without a usable image, a missing one', async () => {
    mkdirSync(at('empty'));
    mkdirSync(at('broken'));
    writeFileSync(at('broken', 'a.jpg'), 'no image');
    const empty = await collect('never', '--images', at('empty'), '--blocks', '1.1');
    expect([empty.code, empty.stderr]).toEqual([65, expect.stringMatching(/holds no images/)]);
    const broken = await collect('never', '--images', at('broken'), '--blocks', '1.1');
    expect([broken.code, broken.stderr]).toEqual([
      65,
      expect.stringMatching(/None of the 1 images.*a\.jpg: it cannot/),
    ]);
    const missing = await collect('never', '--images', at('nowhere'), '--blocks', '1.1');
    expect([missing.code, missing.stderr]).toEqual([74, expect.stringMatching(/does not exist/)]);
    expect(existsSync(at('never', 'resnet18', 'collected.json'))).toBe(false);
  });

  test('other weights and other images in the same folder', async () => {
    writeFileSync(
      at('other.safetensors'),
      writeSafetensors(new Map(weights).set('fc.bias', { shape: [10], data: new Float32Array(10) })),
    );
    const args = ['collect', '--out', at('run'), '--blocks', '1.1'];
    const other = await streamscope([
      ...args,
      '--weights',
      at('other.safetensors'),
      '--images',
      at('photos'),
    ]);
    expect([other.code, other.stderr]).toEqual([
      64,
      expect.stringMatching(/other settings: weightsSha256 was/),
    ]);
    const fewer = await streamscope([...args, '--weights', at('w.safetensors'), '--images', at('mixed')]);
    expect([fewer.code, fewer.stderr]).toEqual([64, expect.stringMatching(/filesSha256 was/)]);
  });

  test('a block that the weights do not serve, or that there is not', async () => {
    const part = new Map([...weights].filter(([name]) => !name.startsWith('layer2')));
    writeFileSync(at('part.safetensors'), writeSafetensors(part));
    const args = ['collect', '--out', at('never'), '--images', at('photos')];
    const unserved = await streamscope([...args, '--weights', at('part.safetensors'), '--blocks', '2.0']);
    expect([unserved.code, unserved.stderr]).toEqual([65, expect.stringMatching(/cannot serve 2\.0\.I/)]);
    const unknown = await streamscope([...args, '--weights', at('w.safetensors'), '--blocks', '5.0']);
    expect([unknown.code, unknown.stderr]).toEqual([64, expect.stringMatching(/no block called "5\.0"/)]);
  });
});
