// Someone may look on, pause and stop an ascent, and others may run beside it: none of it changes a byte.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { type AscendSettings, ascend, type Glance } from '../../src/visualization/ascend.ts';
import { ANGLES, SCALES } from '../../src/visualization/transforms.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const { network, weights } = syntheticModel({ width: 8 });
let gpu: Gpu;
let parameters: Parameters;

beforeAll(async () => {
  gpu = await Gpu.acquire();
  parameters = new Parameters(gpu, weights);
});
afterAll(() => gpu.close());

const settings = (steps: number): AscendSettings => ({
  objective: 'center',
  steps,
  learningRate: 0.05,
  size: 96,
  transforms: { jitter: 4, scales: SCALES, angles: ANGLES },
});
const targets = [{ channel: 2, name: 'unit 2', seed: 1 }];
const context = () => ({ gpu, network, parameters });

test('looking on at every third step, beside two other ascents, gives the bytes of an ascent alone', async () => {
  const alone = await ascend(context(), '1.1.O', targets, settings(10));
  const glances: { stepsDone: number; curve: number; image: Float32Array }[] = [];
  const look = async ({ stepsDone, histories, render }: Glance) => {
    const [image] = await render();
    glances.push({ stepsDone, curve: histories[0].objective.length, image });
  };
  const places = ['1.1.O', '1.1.B', '1.0.O'];
  const [watched] = await Promise.all(
    places.map((place, i) =>
      ascend(
        { ...context(), watcher: { steps: 3, look: i === 0 ? look : async () => {} } },
        place,
        targets,
        settings(10),
      ),
    ),
  );
  expect(watched).toEqual(alone);
  expect(glances[0]).toMatchObject({ stepsDone: 0, curve: 0 });
  expect(glances.every(({ stepsDone, curve }) => stepsDone === curve)).toBe(true);
  const steps = glances.map(({ stepsDone }) => stepsDone);
  expect(steps.at(-1)).toBe(10);
  expect(Math.max(...steps.slice(1).map((step, i) => step - steps[i]))).toBeLessThanOrEqual(3);
  expect(glances.at(-1)!.image).toEqual(alone[0].image);
  const [{ image: early }] = await ascend(context(), '1.1.O', targets, settings(steps[1]));
  expect(glances[1].image).toEqual(early);
});

test('who looks on may stop it, and everything it held on the device is given back', async () => {
  await ascend(context(), '1.1.O', targets, settings(1));
  const before = gpu.liveBytes;
  const controller = new AbortController();
  const look = async ({ stepsDone }: Glance) => {
    if (stepsDone > 0) controller.abort();
  };
  const stopped = ascend(
    { ...context(), signal: controller.signal, watcher: { steps: 1, look } },
    '1.1.O',
    targets,
    settings(100),
  );
  await expect(stopped).rejects.toThrow(/abort/);
  expect(gpu.liveBytes).toBe(before);
});
