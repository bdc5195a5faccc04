// WebGPU reports errors by event and returns zeros. Here they must become exceptions. Every test that breaks a
// device has one of its own.

import { describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read } from '../../src/engine/tensor.ts';
import { relu } from '../../src/kernels/relu.ts';

/** Runs a test on a device of its own. */
const withGpu = (run: (gpu: Gpu) => Promise<void>) => async () => {
  const gpu = await Gpu.acquire();
  try {
    await run(gpu);
  } finally {
    gpu.close();
  }
};

const bug = expect.objectContaining({ name: 'StreamscopeError', code: 70 });
const stopped = expect.objectContaining({ name: 'StreamscopeError', code: 75 });
const thrown = async (run: () => unknown): Promise<unknown> => {
  try {
    await run();
  } catch (error) {
    return error;
  }
  return 'nothing was thrown';
};

/** Copies more bytes than a buffer has: refused by validation, and reported by event only. */
function misuse(gpu: Gpu): void {
  gpu.device.addEventListener('uncapturederror', (event) => event.preventDefault()); // Dawn would print it as well
  const [from, to] = [4, 8].map((size) =>
    gpu.device.createBuffer({
      label: 'misused',
      size,
      usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    }),
  );
  const encoder = gpu.device.createCommandEncoder();
  encoder.copyBufferToBuffer(from, 0, to, 0, 8);
  gpu.device.queue.submit([encoder.finish()]);
}

describe('a working device', () => {
  test(
    'has a name, the features and limits of its adapter, and passes checks',
    withGpu(async (gpu) => {
      expect(gpu.adapter).toMatch(/\S/);
      expect(gpu.device.limits.maxStorageBuffersPerShaderStage).toBeGreaterThanOrEqual(8);
      expect(gpu.device.limits.maxStorageBufferBindingSize).toBeGreaterThanOrEqual(2 ** 27);
      expect(typeof gpu.isSoftware).toBe('boolean');
      gpu.check();
      await gpu.finish();
    }),
  );

  test(
    'writes, reads and counts bytes, rounded up to whole words',
    withGpu(async (gpu) => {
      const x = createTensor(gpu, 'x', [3], { data: [1, -2.5, 3] });
      const empty = gpu.createBuffer('odd', 5, GPUBufferUsage.COPY_SRC);
      expect(gpu.liveBytes).toBe(12 + 8);
      expect([...(await read(gpu, x))]).toEqual([1, -2.5, 3]);
      expect((await gpu.read(empty, 5)).byteLength).toBe(5);
      destroy(gpu, x);
      gpu.destroyBuffer(empty);
      expect(gpu.liveBytes).toBe(0);
    }),
  );
});

describe('a validation error', () => {
  test(
    'is thrown by the next wait, and by everything after it',
    withGpu(async (gpu) => {
      misuse(gpu);
      const first = await thrown(() => gpu.finish());
      expect(first).toEqual(bug);
      expect((first as Error).message).toMatch(/^The GPU rejected a command: /);
      expect(await thrown(() => gpu.check())).toBe(first);
      expect(await thrown(() => gpu.createBuffer('next', 4, GPUBufferUsage.COPY_DST))).toBe(first);
      expect(await thrown(() => submit(gpu, []))).toBe(first);
    }),
  );

  test('turns a read into an error instead of zeros, 20 times of 20', async () => {
    for (let i = 0; i < 20; i++) {
      await withGpu(async (gpu) => {
        const x = createTensor(gpu, 'x', [4], { data: [1, 2, 3, 4] });
        misuse(gpu);
        expect(await thrown(() => read(gpu, x))).toEqual(bug);
        expect(gpu.liveBytes).toBe(16); // the staging buffer is given back
      })();
    }
  }, 60_000);
});

describe('a lost device', () => {
  test(
    'stops the run: exit class 75, and a hint to run again',
    withGpu(async (gpu) => {
      const x = createTensor(gpu, 'x', [4]);
      gpu.device.destroy();
      const error = await thrown(() => read(gpu, x));
      expect(error).toEqual(stopped);
      await gpu.device.lost;
      expect(await thrown(() => gpu.check())).toEqual(stopped);
      expect((await thrown(() => gpu.check())) as Error).toMatchObject({
        hint: expect.stringMatching(/again/),
      });
      expect(await thrown(() => gpu.createBuffer('more', 4, GPUBufferUsage.COPY_DST))).toEqual(stopped);
      expect(await thrown(() => gpu.finish())).toEqual(stopped);
      expect(await thrown(() => read(gpu, x))).toEqual(stopped);
    }),
  );

  test(
    'is noticed by a wait that it interrupts',
    withGpu(async (gpu) => {
      const x = createTensor(gpu, 'x', [1, 1 << 20]);
      const tape = new Tape();
      const y = tape.keep(tape.apply(relu, { x }));
      const plan = await Plan.compile(gpu, tape);
      submit(gpu, new Array(50).fill(plan));
      const reading = thrown(() => read(gpu, y));
      gpu.device.destroy();
      expect(await reading).toEqual(stopped);
      expect(await thrown(() => gpu.finish())).toEqual(stopped);
    }),
  );
});

test('a closed device refuses further use and frees the next one', async () => {
  const gpu = await Gpu.acquire();
  const x = createTensor(gpu, 'x', [4]);
  gpu.close();
  expect(await thrown(() => read(gpu, x))).toMatchObject({
    code: 70,
    message: 'The GPU was closed and is used again.',
  });
  const next = await Gpu.acquire();
  await next.finish();
  next.close();
});
