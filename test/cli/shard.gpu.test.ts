// A plan over several processes on the real command line: shards apart, together, twice at once and killed leave the
// bytes of one that ran through; run continues what reproduce or another version of a plan may not touch.

import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { runCommand } from '../support/commandLine.ts';
import { filesBelow, hashesBelow } from '../support/folders.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
const at = (...parts: string[]) => join(folder, ...parts);
const weights = ['--weights', at('small.safetensors')];

const run = (args: readonly string[], env: Record<string, string> = {}) =>
  runCommand(root, args, { cwd: folder, env });
const shardArgs = (out: string, ...more: string[]) => [
  ...['run', ...weights, '--plan', at('plan.json'), '--out', at(out), '--progress', 'none', ...more],
];
let whole: Record<string, string>;

beforeAll(async () => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  writeFileSync(at('small.safetensors'), writeSafetensors(syntheticModel({ width: 4 }).weights));
  writeFileSync(at('other.safetensors'), writeSafetensors(syntheticModel({ width: 6 }).weights));
  const settings = ['--blocks', '1.1', '--seeds', '2', '--size', '96', '--steps', '6'];
  const planned = await run(['plan', ...weights, ...settings]);
  expect(planned.code, planned.stderr).toBe(0);
  writeFileSync(at('plan.json'), planned.stdout);
  const all = await run(shardArgs('whole', '--shard', '0/1'));
  expect(all.code, all.stderr).toBe(0);
  whole = hashesBelow(at('whole'));
  expect(Object.keys(whole)).toHaveLength(2 + 16 * 3);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('two machines with folders of their own, merged', async () => {
  for (const index of [0, 1]) {
    const env = { JOB_COMPLETION_INDEX: `${index}`, STREAMSCOPE_SHARDS: '2' };
    const { code, stderr } = await run(shardArgs(`machine${index}`), env);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(new RegExp(`shard ${index}/2: 8 of 16 images`));
  }
  const early = await run(['merge', at('machine0'), '--out', at('merged')]);
  expect(early.code).toBe(75);
  expect(early.stderr).toMatch(/8 of 16 images are done; missing 8: 1\.0\.O:1\/center\/0 \(missing\)/);
  const { code, stdout } = await run(['merge', at('machine1'), '--out', at('merged')]);
  expect([code, stdout]).toEqual([0, '16 of 16 images are done; copied 8\n']);
  expect(hashesBelow(at('merged'))).toEqual(whole);
  const status = await run(['status', '--run', at('merged'), '--shards', '2', '--verify', '--json']);
  expect(JSON.parse(status.stdout)).toMatchObject({ images: 16, finished: 16, unfinished: [] });
});

test('two processes on one shard, one killed and begun again, leave the same bytes', async () => {
  const start = () =>
    spawn(
      process.execPath,
      [join(root, 'dist/streamscope.js'), ...shardArgs('twice', '--shard', '0/1', '--batch', '2')],
      {
        cwd: folder,
        stdio: 'ignore',
      },
    );
  const victim = start();
  const other = run(shardArgs('twice', '--shard', '0/1', '--batch', '2'));
  const ended = new Promise((done) => victim.on('close', (_, signal) => done(signal)));
  const sidecars = () => filesBelow(at('twice')).filter((path) => path.endsWith('_center.json')).length;
  while (sidecars() < 3 && victim.exitCode === null) await new Promise((later) => setTimeout(later, 5));
  victim.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
  const again = run(shardArgs('twice', '--shard', '0/1'));
  for (const { code, stderr } of await Promise.all([other, again])) expect(code, stderr).toBe(0);
  expect((await run(['merge', '--out', at('twice')])).code).toBe(0); // removes what the killed one left, if nothing did
  expect(hashesBelow(at('twice'))).toEqual(whole);
});

describe('a plan is refused', () => {
  const refused = async (args: readonly string[], env: Record<string, string> = {}) => {
    const { code, stderr } = await run(args, env);
    expect(filesBelow(at('never'))).toEqual([]);
    return [code, stderr] as const;
  };
  const edited = (change: (plan: Record<string, unknown>) => void): string => {
    const plan = JSON.parse(readFileSync(at('plan.json'), 'utf8'));
    change(plan);
    writeFileSync(at('edited.json'), JSON.stringify(plan));
    return at('edited.json');
  };
  const withPlan = (path: string) =>
    shardArgs('never', '--shard', '0/1').map((arg) => (arg === at('plan.json') ? path : arg));

  test('with other weights', async () => {
    const args = shardArgs('never', '--shard', '0/1');
    args[args.indexOf(at('small.safetensors'))] = at('other.safetensors');
    const [code, stderr] = await refused(args);
    expect(code).toBe(64);
    expect(stderr).toMatch(/weightsSha256 was .* is now/);
  });

  test('when it was edited', async () => {
    const fewer = edited((plan) => (plan.images as string[]).pop());
    expect((await refused(withPlan(fewer)))[0]).toBe(65);
    const more = edited((plan) => Object.assign(plan, { seeds: 1e9 }));
    expect((await refused(withPlan(more)))[0]).toBe(65);
    const steps = edited((plan) => Object.assign(plan.settings as object, { steps: 7 }));
    const [code, stderr] = await refused(withPlan(steps));
    expect([code, stderr]).toEqual([65, expect.stringMatching(/settingsHash is not the hash/)]);
  });

  test('without a shard', async () => {
    const none = { SLURM_ARRAY_TASK_ID: '', JOB_COMPLETION_INDEX: '' };
    expect((await refused(shardArgs('never'), none))[0]).toBe(64);
  });

  test('in the folder of another', async () => {
    mkdirSync(at('settled'));
    copyFileSync(at('plan.json'), at('settled', 'plan.json'));
    const settings = ['--blocks', '1.1', '--seeds', '1', '--size', '96', '--steps', '6'];
    writeFileSync(at('shorter.json'), (await run(['plan', ...weights, ...settings])).stdout);
    const args = shardArgs('settled', '--shard', '0/1');
    args[args.indexOf(at('plan.json'))] = at('shorter.json');
    const { code, stderr } = await run(args);
    expect([code, stderr]).toEqual([64, expect.stringMatching(/plan\.json is another plan than/)]);
  });
});
