// Helpers run every kernel of a plan by itself, on buffers of their own, and whatever happens to them disturbs nobody.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWeights } from '../../src/cli/model.ts';
import { compileAhead } from '../../src/engine/compileAhead.ts';
import { Gpu } from '../../src/engine/device.ts';
import type { PlannedDispatch } from '../../src/engine/plan.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { firstSpectra } from '../../src/visualization/ascend.ts';
import { createSpectrumTables, destroySpectrumTables } from '../../src/visualization/parametrization.ts';
import { compilePrograms, createState, destroyState, layoutsOf } from '../../src/visualization/program.ts';

let gpu: Gpu;
let dispatches: readonly PlannedDispatch[];
let free = () => {};
const never = () => new Promise<void>(() => {});

beforeAll(async () => {
  gpu = await Gpu.acquire();
  const { network, weights } = await openWeights('weights/shapes16.safetensors');
  const settings = {
    objective: 'center' as const,
    learningRate: 0.05,
    size: 224,
    steps: 1,
    transforms: { jitter: 4, scales: [1], angles: [0] },
  };
  const targets = [{ channel: 3, name: '2.1.O:3', seed: 0 }];
  const tables = createSpectrumTables(gpu, settings.size);
  const state = createState(gpu, targets, tables, firstSpectra(targets, settings.size));
  const parameters = new Parameters(gpu, weights);
  const layouts = layoutsOf(network, '2.1.O', settings);
  const { programs } = await compilePrograms(gpu, '2.1.O', layouts, parameters, state, tables, settings);
  const plans = [...programs.values()].map(({ plan }) => plan);
  dispatches = plans[0].dispatches;
  free = () => {
    for (const plan of plans) plan.destroy();
    parameters.destroy();
    destroyState(gpu, state);
    destroySpectrumTables(gpu, tables);
  };
});
afterAll(() => {
  free();
  gpu?.close();
});

test('every kernel of a step is compiled once, by one device or several', async () => {
  const kernels = new Set(dispatches.map(({ pipeline }) => pipeline));
  expect(kernels.size).toBeGreaterThan(20);
  for (const helpers of [1, 3])
    expect(await compileAhead(gpu, dispatches, { helpers, headStart: 0, ran: never })).toBe(kernels.size);
  gpu.check();
});

test('none where the plan has run in time, or nobody may help', async () => {
  const ran = () => Promise.resolve();
  expect(await compileAhead(gpu, dispatches, { helpers: 1, headStart: 10_000, ran })).toBe(0);
  expect(await compileAhead(gpu, dispatches, { helpers: 0, headStart: 0, ran: never })).toBe(0);
});

test('a device is helped with one plan at a time', async () => {
  const options = { helpers: 1, headStart: 0, ran: never };
  const [first, second] = await Promise.all([
    compileAhead(gpu, dispatches.slice(0, 2), options),
    compileAhead(gpu, dispatches, options),
  ]);
  expect([first, second]).toEqual([2, 0]);
});

test('a kernel that fails ends the help, and nothing else', async () => {
  const broken = { ...dispatches.at(-1)!, source: 'no kernel at all' };
  expect(await compileAhead(gpu, [broken], { helpers: 2, headStart: 0, ran: never })).toBe(0);
  gpu.check();
});

test('who helps a device ends with it, and is waited for', async () => {
  const own = await Gpu.open();
  const help = compileAhead(own, dispatches, { helpers: 2, headStart: 0, ran: never });
  while (own.helpers.size < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  const helpers = [...own.helpers];
  own.close();
  for (const helper of helpers) expect(() => helper.check()).toThrow(/closed/);
  expect(await help).toBeLessThan(dispatches.length);
  expect(own.helpers.size).toBe(0);
  const late = compileAhead(own, dispatches, { helpers: 1, headStart: 0, ran: never });
  expect(await late).toBe(0);
});
