// Campaigns that are stopped, killed, or run out of disk: the right exit code and sentence, and afterwards the same
// command makes the folder of one that ran through. Moments are random and seeded. STREAMSCOPE_KILLS sets how often one
// campaign of 64 images is killed (20 otherwise; 200 nightly).

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { runCommand } from '../support/commandLine.ts';
import { filesBelow, hashesBelow } from '../support/folders.ts';
import { mulberry32 } from '../support/refusals.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const KILLS = Number(process.env.STREAMSCOPE_KILLS ?? 20);
const PATIENCE = 120_000 + 20_000 * KILLS;
const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
const at = (...parts: string[]) => join(folder, ...parts);
const random = mulberry32(Number(process.env.STREAMSCOPE_FUZZ_SEED ?? 1));

const campaign = (out: string, ...more: string[]) => [
  ...[
    'visualize',
    '--weights',
    at('small.safetensors'),
    '--units',
    '1.1.B:0-7',
    '--seeds',
    '8',
    '--size',
    '64',
  ],
  ...['--steps', '8', '--batch', '4', '--progress', 'none', '--out', at(out), ...more],
];
const run = (args: readonly string[]) => runCommand(root, args, { cwd: folder });
const images = (out: string) => filesBelow(at(out)).filter((path) => path.endsWith('_center.json')).length;
const wait = (ms: number) => new Promise((later) => setTimeout(later, ms));
let whole: Record<string, string>;
/** from start to end, of a campaign that nobody stopped */
let wholeMs: number;

beforeAll(async () => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  writeFileSync(at('small.safetensors'), writeSafetensors(syntheticModel({ width: 8 }).weights));
  await run(campaign('warm', '--seeds', '1')); // kernels are compiled: what is timed next is usual
  const start = performance.now();
  const { code, stderr } = await run(campaign('whole'));
  wholeMs = performance.now() - start;
  expect(code, stderr).toBe(0);
  whole = hashesBelow(at('whole'));
  expect(Object.keys(whole)).toHaveLength(1 + 64 * 3);
}, PATIENCE);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts a command and sends it a signal when `when` has resolved. */
async function interrupted(args: readonly string[], signal: NodeJS.Signals, when: () => Promise<unknown>) {
  const child = spawn(process.execPath, [join(root, 'dist/streamscope.js'), ...args], { cwd: folder });
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const ended = new Promise<number | null>((done) => child.on('close', (code) => done(code)));
  await Promise.race([when(), ended]);
  const sent = performance.now();
  child.kill(signal);
  const code = await ended;
  return { code, stderr, ms: performance.now() - sent };
}

const atLeast = (out: string, count: number) => async () => {
  while (images(out) < count) await wait(2);
};

test(
  `killed ${KILLS} times at random moments, a campaign leaves the bytes of one that ran through`,
  async () => {
    let progressed = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const before = images('killed');
      // any moment of a run: in its start, in a step, between two files of an image
      const moment = random() * wholeMs * 0.6;
      await interrupted(campaign('killed'), 'SIGKILL', () => wait(moment));
      if (images('killed') > before) progressed++;
      if (images('killed') === 64) rmSync(at('killed'), { recursive: true }); // and from the beginning
    }
    expect(progressed).toBeGreaterThan(0);
    const last = await run(campaign('killed'));
    expect(last.code, last.stderr).toBe(0);
    expect(hashesBelow(at('killed'))).toEqual(whole);
  },
  PATIENCE,
);

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('stops within 10 s with exit 75, and the same command continues', async () => {
    const out = `stopped-${signal}`;
    for (const count of [1, 20]) {
      const { code, stderr, ms } = await interrupted(campaign(out), signal, atLeast(out, count));
      expect(code, stderr).toBe(75);
      expect(stderr).toMatch(/Run the same command again to continue; finished units are kept/);
      expect(ms).toBeLessThan(10_000);
      expect(filesBelow(at(out)).filter((path) => path.endsWith('.tmp'))).toEqual([]);
    }
    expect((await run(campaign(out))).code).toBe(0);
    expect(hashesBelow(at(out))).toEqual(whole);
  });
});

describe('a run whose files were spoilt', () => {
  test('makes these images again, and no others', async () => {
    execFileSync('cp', ['-r', at('whole'), at('spoilt')]);
    const file = (unit: number, ending: string) =>
      at('spoilt', 'resnet18', 'layer1.1.bn2', `unit${unit}`, `0_distill_center.${ending}`);
    writeFileSync(file(0, 'json'), '{"status": "ok", "files":');
    writeFileSync(file(1, 'json'), readFileSync(file(2, 'json')));
    writeFileSync(
      file(3, 'json'),
      `{"status":"ok","settings":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`,
    );
    writeFileSync(file(4, 'png'), readFileSync(file(5, 'png')));
    writeFileSync(file(6, 'npy'), '');
    const { code, stderr } = await run(campaign('spoilt'));
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/59 of 64 images are already done/);
    expect(hashesBelow(at('spoilt'))).toEqual(whole);
  });

  test('is refused when its settings were changed under it', async () => {
    execFileSync('cp', ['-r', at('whole'), at('changed')]);
    const text = readFileSync(at('changed', 'run.json'), 'utf8');
    writeFileSync(at('changed', 'run.json'), text.replace('"steps": 8', '"steps": 9'));
    const other = await run(campaign('changed'));
    expect([other.code, other.stderr]).toEqual([64, expect.stringMatching(/steps was 9, is now 8/)]);
    // run.json agrees, the images do not
    const nine = await run(campaign('changed', '--steps', '9'));
    expect([nine.code, nine.stderr]).toEqual([
      64,
      expect.stringMatching(/made with other settings: steps was 8, is now 9/),
    ]);
  });
});

/** Whether this process may mount a file system: root on a machine of its own. */
function mountsTmpfs(): boolean {
  mkdirSync(at('disk'), { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', at('disk')], { stdio: 'ignore' });
    execFileSync('umount', [at('disk')]);
    return true;
  } catch {
    return false;
  }
}

describe.runIf(mountsTmpfs())('a disk of 300 kB', () => {
  const disk = (...options: string[]) => execFileSync('mount', [...options, at('disk')]);
  afterAll(() => execFileSync('umount', [at('disk')]));

  test('that is full ends it with 74, and nothing torn; with room it continues', async () => {
    disk('-t', 'tmpfs', '-o', 'size=300k', 'tmpfs');
    const full = await run(campaign('disk/run'));
    expect(full.code).toBe(74);
    expect(full.stderr).toMatch(/Cannot write .*disk\/run\/.*: the disk is full\./);
    expect(filesBelow(at('disk')).filter((path) => path.endsWith('.tmp'))).toEqual([]);
    expect(images('disk/run')).toBeGreaterThan(0);
    disk('-o', 'remount,size=32m');
    expect((await run(campaign('disk/run'))).code).toBe(0);
    expect(hashesBelow(at('disk', 'run'))).toEqual(whole);
  });

  test('that is read-only is named, also for a folder that is not there yet', async () => {
    disk('-o', 'remount,ro');
    for (const out of ['disk/run', 'disk/new']) {
      const { code, stderr } = await run(campaign(out));
      expect([code, stderr]).toEqual([
        74,
        expect.stringMatching(/Cannot write to .*: the file system is read-only\./),
      ]);
    }
    expect(hashesBelow(at('disk', 'run'))).toEqual(whole);
  });
});
