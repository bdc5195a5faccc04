// Faults of the GPU, twenty times each at places that move, through the engine in this process: what is thrown has the
// right class and sentence, and what can go on afterwards goes on. commandFaults.gpu.test.ts does the same to processes.

import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan } from '../../src/engine/plan.ts';
import { pipelineFor } from '../../src/engine/shader.ts';
import { Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read } from '../../src/engine/tensor.ts';
import { within } from '../../src/engine/watchdog.ts';
import { relu } from '../../src/kernels/relu.ts';
import { Parameters, requiredTensors, requireTensors } from '../../src/model/parameters.ts';
import { parseUnits } from '../../src/model/taps.ts';
import { type CampaignSettings, visualizeImages } from '../../src/visualization/campaign.ts';
import { counted, faulty } from '../support/brokenMethods.ts';
import { mulberry32 } from '../support/refusals.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const TIMES = Array.from({ length: 20 }, (_, i) => i);
const random = mulberry32(1);
const below = (n: number) => Math.floor(random() * n);

const { network, weights } = syntheticModel({ width: 8 });
/** Two steps: more would share submits as time allows, and the counts below would differ from run to run. */
const settings: CampaignSettings = {
  ...{ steps: 2, learningRate: 0.05, size: 64, jitter: 4, jitterMode: 'faithful', seed: 0, retries: 0 },
  batch: 4,
};

/** The pixels of four images. */
async function makeImages(gpu: Gpu, change: Partial<CampaignSettings> = {}): Promise<Uint8Array[]> {
  const tasks = parseUnits(network, '1.1.B:0-3').map((unit) => ({
    unit,
    objective: 'center' as const,
    index: 0,
  }));
  const context = { gpu, network, parameters: new Parameters(gpu, weights) };
  const pixels: Uint8Array[] = [];
  try {
    await visualizeImages(context, tasks, { ...settings, ...change }, async (result) => {
      expect(result.status).toBe('ok');
      pixels.push(result.pixels);
    });
  } finally {
    context.parameters.destroy();
  }
  return pixels;
}

let gpu: Gpu;
let expected: Uint8Array[];
let submits: number;
let reads: number;
beforeAll(async () => {
  const own = await Gpu.acquire();
  const [submit, map] = [counted(GPUQueue, 'submit'), counted(GPUBuffer, 'mapAsync')];
  expected = await makeImages(own);
  [submits, reads] = [submit(), map()];
  own.close();
  expect(Math.min(submits, reads)).toBeGreaterThan(3);
});
beforeEach(async () => {
  gpu = await Gpu.acquire();
});
afterEach(() => gpu.close());

const refused = (exitClass: string, message: RegExp) =>
  expect.objectContaining({
    name: expect.stringMatching(/^(StreamscopeError|OutOfMemory)$/),
    exitClass,
    message: expect.stringMatching(message),
    hint: expect.stringMatching(/\w{3}/),
  });

describe('what the adapter cannot do', () => {
  test('a binding over the limit', async () => {
    const { maxStorageBufferBindingSize: limit } = gpu.device.limits;
    for (const i of TIMES) {
      const make = () => gpu.createBuffer('large', limit + 4 * (1 + i), GPUBufferUsage.STORAGE);
      expect(make).toThrow(refused('unavailable', /^large needs \d+ bytes, this adapter \(.+\) allows \d+/));
    }
    expect(await makeImages(gpu)).toEqual(expected);
  });

  test('more workgroups than a dispatch may have', async () => {
    for (const i of TIMES) {
      const x = createTensor(gpu, 'x', [65_536 + i, 1]);
      const tape = new Tape();
      tape.apply(relu, { x });
      await expect(Plan.compile(gpu, tape)).rejects.toEqual(
        refused('unavailable', /^relu needs 1x655\d\d workgroups, the adapter allows 65535 per dimension/),
      );
      destroy(gpu, x);
    }
    expect(gpu.liveBytes).toBe(0);
    await gpu.finish();
  });

  test('fewer bindings than a kernel has', async () => {
    for (const i of TIMES) {
      const limits = { ...gpu.device.limits, maxStorageBuffersPerShaderStage: i % 2 };
      const device = new Proxy(gpu.device, { get: (_, name) => (name === 'limits' ? limits : undefined) });
      const small = { device, adapter: 'small', pipelines: new Map() } as unknown as Gpu;
      const pass = { entryPoint: 'forward', bindings: ['x', 'y'], invocations: [1, 1] as const, flops: 1 };
      await expect(pipelineFor(small, 'relu', relu.source, pass, { SIZE: 1 })).rejects.toEqual(
        refused(
          'unavailable',
          /^relu\.wgsl:forward binds 2 buffers and 0 textures, this adapter \(small\) allows/,
        ),
      );
    }
  });
});

describe('a kernel that is wrong', () => {
  const pass = { entryPoint: 'forward', bindings: ['x', 'y'], invocations: [1, 1] as const, flops: 1 };
  const tokens = relu.source.split(/(?<=[;{}()])/);

  test('in its text: a piece of it is missing', async () => {
    const open = tokens.flatMap((token, i) => (/[{}();]$/.test(token) && i > 12 ? [i] : []));
    for (const i of TIMES) {
      const at = open[(i * 7) % open.length];
      const source = tokens.map((token, j) => (j === at ? token.slice(0, -1) : token)).join('');
      await expect(pipelineFor(gpu, 'relu', source, pass, { SIZE: 4 })).rejects.toEqual(
        refused('bug', /^relu\.wgsl:forward does not compile: \d+:\d+ /),
      );
    }
    expect(await makeImages(gpu)).toEqual(expected);
  });

  test('in its pipeline: a constant that is none, too many invocations', async () => {
    for (const i of TIMES) {
      const made =
        i % 2 === 0
          ? pipelineFor(gpu, 'relu', relu.source, pass, { SIZE: -1 - i })
          : pipelineFor(gpu, 'relu', relu.source.replaceAll('size(64)', `size(${4096 + i})`), pass, {
              SIZE: 4,
            });
      await expect(made).rejects.toEqual(refused('bug', /^relu\.wgsl:forward does not compile: /));
    }
    expect(await makeImages(gpu)).toEqual(expected);
  });
});

describe('a device that is lost', () => {
  const lost = refused('stopped', /^(The GPU was lost: |Reading .+ from the GPU failed: )/);

  const lose = (at: [{ prototype: object }, string, number]) =>
    faulty(
      at,
      () => gpu.device.destroy(),
      () => makeImages(gpu),
    );

  test.each(TIMES)('at some submit: %d', async () => {
    expect(await lose([GPUQueue, 'submit', below(submits)])).toEqual(lost);
  });

  test.each(TIMES)('while a read-back is under way: %d', async () => {
    expect(await lose([GPUBuffer, 'mapAsync', below(reads)])).toEqual(lost);
  });
});

test.each(TIMES)('a bit of some read-back is another: %d', async () => {
  const flip = (range: unknown) => {
    const bytes = new Uint8Array(range as ArrayBuffer);
    bytes[below(bytes.length)] ^= 1 << below(8);
  };
  const at: [typeof GPUBuffer, string, number] = [GPUBuffer, 'getMappedRange', below(reads)];
  expect(await faulty(at, flip, () => makeImages(gpu))).toEqual(
    refused('stopped', /^Reading .+ from the GPU gave other bytes than it holds/),
  );
});

/** Most bytes of live buffers and textures while the images are made. */
async function peakOf(change: Partial<CampaignSettings>): Promise<number> {
  const own = await Gpu.acquire();
  let [live, most] = [0, 0];
  Object.defineProperty(own, 'liveBytes', {
    get: () => live,
    set(bytes: number) {
      live = bytes;
      most = Math.max(most, bytes);
    },
  });
  await makeImages(own, change);
  own.close();
  return most;
}

describe('memory', () => {
  test('a budget too small for a batch: smaller batches, the same pixels, all given back', async () => {
    const [alone, together] = [await peakOf({ batch: 1 }), await peakOf({ batch: 4 })];
    expect(together).toBeGreaterThan(alone);
    for (const i of TIMES) {
      gpu.budget = Math.floor(alone + ((together - alone) * i) / TIMES.length);
      expect(await makeImages(gpu)).toEqual(expected);
      expect(gpu.liveBytes).toBe(0);
      gpu.budget = Math.floor((alone * (i + 1)) / (TIMES.length + 1));
      const outcome = await makeImages(gpu).catch((error: unknown) => error);
      expect(outcome).toEqual(
        refused('unavailable', /needs \d+ bytes beside the \d+ in use, the budget is \d+\.$/),
      );
      expect(gpu.liveBytes).toBe(0);
    }
    gpu.budget = Number.POSITIVE_INFINITY;
    expect(await makeImages(gpu)).toEqual(expected);
  });

  test('the driver has none: smaller batches, the same pixels', async () => {
    for (const i of TIMES) {
      const fail = () => {
        const event = Object.assign(new Event('uncapturederror'), {
          error: new GPUOutOfMemoryError('nothing left'),
        });
        gpu.device.dispatchEvent(event);
      };
      let pixels: unknown;
      const run = async () => {
        pixels = await makeImages(gpu);
      };
      expect(await faulty([GPUDevice, 'createBuffer', 20 + i], fail, run)).toBe('nothing was thrown');
      expect(pixels).toEqual(expected);
      expect(gpu.liveBytes).toBe(0);
    }
  });
});

describe('numbers that are none', () => {
  const BAD = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  /** The weights with one of them at some place of a tensor. */
  const broken = (name: string, value: number) => {
    const found = weights.get(name)!;
    const data = found.data.slice();
    data[below(data.length)] = value;
    return new Map([...weights, [name, { ...found, data }]]);
  };

  test('among the weights: refused, with the name of the tensor', () => {
    const names = [...requiredTensors(network, '1.1.B').keys()];
    for (const i of TIMES) {
      const name = names[below(names.length)];
      expect(() => requireTensors(network, broken(name, BAD[i % 3]), ['1.1.B'], 'w')).toThrow(
        refused('badInput', new RegExp(`^w: ${name} holds (NaN|-?Infinity) at \\d+, expected finite`)),
      );
    }
    requireTensors(network, broken('fc.bias', Number.NaN), ['1.1.B'], 'w'); // not needed there
  });

  test('among the activations: diverged, and no picture', async () => {
    for (const i of TIMES) {
      const name = 'layer1.1.bn2.bias';
      const data = weights.get(name)!.data.map(() => BAD[i % 3]);
      const parameters = new Parameters(gpu, new Map([...weights, [name, { shape: [8], data }]]));
      const [unit] = parseUnits(network, `1.1.B:${i % 8}`);
      const task = { unit, objective: 'center' as const, index: 0 };
      const results: object[] = [];
      await visualizeImages(
        { gpu, network, parameters },
        [task],
        settings,
        async ({ status, activation }) => {
          results.push({ status, activation });
        },
      );
      expect(results).toEqual([{ status: 'diverged', activation: undefined }]);
      parameters.destroy();
    }
  });
});

test('a promise that does not come true is waited for so long and no longer', async () => {
  const late = () => new Error('late');
  const start = performance.now();
  await expect(within(new Promise(() => {}), 0.5, late)).rejects.toThrow('late');
  expect(performance.now() - start).toBeGreaterThan(450);
  expect(await within(Promise.resolve(1), 0.5, late)).toBe(1);
  await expect(within(Promise.reject(new Error('early')), 0.5, late)).rejects.toThrow('early');
  expect(await read(gpu, createTensor(gpu, 'x', [1], { data: [2] }))).toEqual(Float32Array.of(2));
});
