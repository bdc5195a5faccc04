// Which kernels a device gets: by its kind, by what a kernel finds out about its subgroups, or because somebody asks.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { chooseFamily, KERNEL_FAMILIES, parseFamily, statedLanes } from '../../src/engine/kernelFamily.ts';
import { isWhole, measureLanes } from '../../src/engine/subgroups.ts';
import { simdLanes } from '../support/simd.ts';

const software = { adapter: 'llvmpipe', isSoftware: true, stated: 8, measured: 8 };
const graphics = { adapter: 'GeForce', isSoftware: false, stated: undefined, measured: undefined };

describe('the choice', () => {
  test('software adapters get SIMD kernels, others products of matrices', () => {
    expect(chooseFamily(software)).toEqual({ kernels: 'simd' });
    expect(chooseFamily(graphics)).toEqual({ kernels: 'gemm' });
  });

  test('an adapter that states subgroups it does not have gets the plain kernels, and a warning', () => {
    const warning = expect.stringMatching(
      /llvmpipe states subgroups of 16, a kernel found 8: the plain kernels/,
    );
    expect(chooseFamily({ ...software, stated: 16 })).toEqual({ kernels: 'plain', warning });
    const irregular = { ...software, measured: undefined };
    expect(chooseFamily(irregular)).toMatchObject({ kernels: 'plain', warning: /no regular ones/ });
  });

  test('a software adapter without subgroups gets the plain kernels: nothing is wrong with it', () => {
    const none = { ...software, stated: undefined, measured: undefined };
    expect(chooseFamily(none)).toEqual({ kernels: 'plain' });
  });

  test('who asks gets it, also where it is slow', () => {
    for (const facts of [software, graphics])
      for (const family of ['plain', 'gemm'] as const)
        expect(chooseFamily(facts, family)).toEqual({ kernels: family });
    expect(chooseFamily(software, 'simd')).toEqual({ kernels: 'simd' });
  });

  test('SIMD kernels are refused where they would compute wrong numbers', () => {
    expect(() => chooseFamily(graphics, 'simd')).toThrow(
      'STREAMSCOPE_KERNELS is simd, but GeForce has no subgroups of one size up to 16.',
    );
    expect(() => chooseFamily({ ...software, stated: 16 }, 'simd')).toThrow('a kernel found 8');
  });

  test('names', () => {
    expect(KERNEL_FAMILIES.map(parseFamily)).toEqual([...KERNEL_FAMILIES]);
    expect(parseFamily(undefined)).toBeUndefined();
    expect(parseFamily('')).toBeUndefined();
    expect(() => parseFamily('GEMM')).toThrow('STREAMSCOPE_KERNELS is "GEMM", expected plain, simd, gemm.');
  });
});

describe('subgroups', () => {
  let gpu: Gpu;
  beforeAll(async () => {
    gpu = await Gpu.acquire();
  });
  afterAll(() => gpu?.close());

  test('are as the adapter states, and nothing is left allocated', async (context) => {
    const lanes = simdLanes(gpu, context);
    expect(statedLanes(gpu)).toBe(lanes);
    const before = gpu.liveBytes;
    expect(await measureLanes(gpu, lanes)).toBe(lanes);
    expect(gpu.liveBytes).toBe(before);
  });

  test('of another size than asked about are noticed', async (context) => {
    const lanes = simdLanes(gpu, context);
    expect(await measureLanes(gpu, 2 * lanes)).toBe(lanes); // two subgroups share the workgroup
    expect(await measureLanes(gpu, lanes / 2)).not.toBe(lanes);
  });

  /** What four workgroups of two invocations should see: lane + 1, size, broadcast from the last. */
  const seen = () =>
    [0, 1, 2, 3].flatMap((group) => [0, 1].flatMap((lane) => [lane + 1, 2, 1000 * group + 1]));
  const changed = (at: number, value: number) =>
    Uint32Array.from(seen(), (old, i) => (i === at ? value : old));

  test('are whole when each lane is there once, with its sum and its broadcast', () => {
    expect(isWhole(Uint32Array.from(seen()), 2)).toBe(true);
    expect(isWhole(changed(0, 2), 2)).toBe(false); // a lane twice
    expect(isWhole(changed(3, 0), 2)).toBe(false); // never written
    expect(isWhole(changed(10, 1), 2)).toBe(false); // another size, in the second workgroup
    expect(isWhole(changed(23, 1), 2)).toBe(false); // broadcast from another workgroup
  });
});

describe('a device', () => {
  test.each(['plain', 'gemm'] as const)(
    'of the %s kernels has no lanes for SIMD kernels',
    async (kernels) => {
      const gpu = await Gpu.acquire(kernels);
      expect([gpu.kernels, gpu.simdLanes]).toEqual([kernels, undefined]);
      gpu.close();
    },
  );
});
