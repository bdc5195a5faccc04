// A batch shared by devices: the bytes of one device, progress over all of them, and the first error of any.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Gpu, OutOfMemory } from '../../src/engine/device.ts';
import { deal, teamOf } from '../../src/engine/team.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { parseUnits } from '../../src/model/taps.ts';
import { type AscendSettings, ascend, type Glance, type Target } from '../../src/visualization/ascend.ts';
import { visualizeImages, WORTH_SHARING } from '../../src/visualization/campaign.ts';
import { ascendTogether } from '../../src/visualization/together.ts';
import { ANGLES, SCALES } from '../../src/visualization/transforms.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const { network, weights } = syntheticModel({ width: 8 });
let gpu: Gpu;
let parameters: Parameters;

beforeEach(async () => {
  gpu = await Gpu.acquire();
  gpu.cores = 3;
  parameters = new Parameters(gpu, weights);
});
afterEach(() => gpu.close());

const settings = (steps: number): AscendSettings => ({
  objective: 'center',
  steps,
  learningRate: 0.05,
  size: 64,
  transforms: { jitter: 4, scales: SCALES, angles: ANGLES },
});
const targets = (count: number): Target[] =>
  Array.from({ length: count }, (_, i) => ({ channel: i % 8, name: `unit ${i}`, seed: i }));
const context = () => ({ gpu, network, parameters });

test.each([1, 2, 3, 7])('%i units have the bytes that one device gives them', async (count) => {
  const made = await ascendTogether(context(), '1.1.O', targets(count), settings(20));
  expect(made).toEqual(await ascend(context(), '1.1.O', targets(count), settings(20)));
  expect(gpu.members).toHaveLength(count === 1 ? 0 : 3);
});

test('who watches sees a whole batch, on one device', async () => {
  const seen: number[] = [];
  const watcher = {
    steps: 1,
    look: async ({ histories }: Glance) => {
      seen.push(histories.length);
    },
  };
  await ascendTogether({ ...context(), watcher }, '1.1.O', targets(3), settings(2));
  expect(new Set(seen)).toEqual(new Set([3]));
  expect(gpu.members).toHaveLength(0);
});

test('progress is the mean over the units, and grows', async () => {
  const reports: number[] = [];
  const onProgress = (done: number, steps: number) => {
    expect(steps).toBe(300);
    reports.push(done);
  };
  await ascendTogether({ ...context(), onProgress }, '1.1.O', targets(3), settings(300));
  expect(reports.at(-1)).toBe(300);
  expect(reports).toEqual([...new Set(reports)].sort((a, b) => a - b));
});

test('bytes of all devices are counted together, within one budget, and given back', async () => {
  await ascendTogether(context(), '1.1.O', targets(3), settings(2));
  const before = gpu.liveBytes;
  const run = ascendTogether(context(), '1.1.O', targets(3), settings(2));
  await run;
  expect(gpu.liveBytes).toBe(before);
  gpu.budget = before + 1000;
  await expect(ascendTogether(context(), '1.1.O', targets(3), settings(2))).rejects.toThrow(OutOfMemory);
  expect(gpu.liveBytes).toBe(before);
  gpu.budget = Number.POSITIVE_INFINITY;
  await ascendTogether(context(), '1.1.O', targets(3), settings(2));
  parameters.destroy();
  expect(gpu.liveBytes).toBe(0);
});

test('when one device fails the others stop, and what it said is thrown', async () => {
  const team = await teamOf(gpu, 3);
  let steps = 0;
  const onProgress = (done: number) => {
    steps = done;
    const error = new GPUValidationError('no such thing');
    team[2].device.dispatchEvent(Object.assign(new Event('uncapturederror'), { error }));
  };
  const run = ascendTogether({ ...context(), onProgress }, '1.1.O', targets(6), settings(100_000));
  await expect(run).rejects.toThrow('The GPU rejected a command: no such thing');
  expect(steps).toBeLessThan(100_000);
});

test('a signal stops them all', async () => {
  const controller = new AbortController();
  const stopped = { ...context(), signal: controller.signal, onProgress: () => controller.abort() };
  await expect(ascendTogether(stopped, '1.1.O', targets(3), settings(100_000))).rejects.toThrow(/abort/);
  await expect(ascendTogether(stopped, '1.1.O', targets(3), settings(1))).rejects.toThrow(/abort/);
  expect(await ascendTogether(context(), '1.1.O', targets(3), settings(1))).toHaveLength(3);
});

test('out of memory on a member is recovered from with the device that leads it', async () => {
  const [member] = await teamOf(gpu, 2);
  const error = new GPUOutOfMemoryError('nothing left');
  member.device.dispatchEvent(Object.assign(new Event('uncapturederror'), { error }));
  await expect(ascendTogether(context(), '1.1.O', targets(3), settings(2))).rejects.toThrow(OutOfMemory);
  await gpu.recover();
  expect(await ascendTogether(context(), '1.1.O', targets(3), settings(2))).toHaveLength(3);
});

describe('a campaign', () => {
  const tasks = parseUnits(network, '1.1.B:0-3').map((unit) => ({
    unit,
    objective: 'center' as const,
    index: 0,
  }));
  const make = async (steps: number) => {
    const pixels: Uint8Array[] = [];
    await visualizeImages(
      context(),
      tasks,
      { ...settings(steps), jitter: 4, jitterMode: 'faithful', seed: 0, retries: 0, batch: 4 },
      async (result) => {
        expect(result.status).toBe('ok');
        pixels.push(result.pixels);
      },
    );
    return pixels;
  };
  const enough = Math.ceil(WORTH_SHARING / tasks.length);

  test('shares what is worth it', async () => {
    await make(enough - 1);
    expect(gpu.members).toHaveLength(0);
    await make(enough);
    expect(gpu.members).toHaveLength(3);
  });

  test('makes the same pixels with a budget for one device, or for less than a batch', async () => {
    gpu.cores = 1;
    const most = vi.spyOn(gpu, 'createBuffer');
    let alone = 0;
    most.mockImplementation(function (this: Gpu, ...given) {
      alone = Math.max(alone, gpu.liveBytes);
      return Gpu.prototype.createBuffer.apply(this, given);
    });
    const expected = await make(enough);
    most.mockRestore();
    gpu.cores = 3;
    const held = gpu.liveBytes;
    for (const budget of [2 * alone, 1.2 * alone, held + 0.5 * (alone - held)]) {
      gpu.budget = Math.floor(budget);
      expect(await make(enough)).toEqual(expected);
      parameters.destroyElsewhere();
      expect(gpu.liveBytes).toBe(held);
    }
    expect(gpu.members).toHaveLength(3);
  });
});

test('a team is opened once, has the kernels of its leader, and closes with it', async () => {
  const [first, again] = await Promise.all([teamOf(gpu, 3), teamOf(gpu, 3)]);
  expect(first).toEqual(again);
  expect(new Set([gpu, ...first]).size).toBe(4);
  gpu.winograd = true;
  expect((await teamOf(gpu, 2)).map(({ kernels, winograd }) => ({ kernels, winograd }))).toEqual(
    Array(2).fill({ kernels: gpu.kernels, winograd: true }),
  );
  gpu.close();
  for (const member of first) expect(() => member.check()).toThrow(/closed/);
});

test('work is dealt in order, in shares of almost one size', () => {
  expect(deal([1, 2, 3, 4, 5], 2)).toEqual([
    [1, 2],
    [3, 4, 5],
  ]);
  expect(deal([1, 2, 3], 3)).toEqual([[1], [2], [3]]);
});
