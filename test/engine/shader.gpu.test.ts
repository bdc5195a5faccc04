// From WGSL to pipelines: what a wrong kernel is told, and that equal pipelines are made once.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { bindingsOf, pipelineFor } from '../../src/engine/shader.ts';
import { conv2d } from '../../src/kernels/conv2d.ts';
import type { Pass } from '../../src/kernels/op.ts';
import { relu } from '../../src/kernels/relu.ts';
import { packedWarp } from '../../src/kernels/warp.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

const forward: Pass = { entryPoint: 'forward', bindings: ['x', 'y'], invocations: [1, 1], flops: 1 };

test('bindings are read from the declarations: name, number, access, format of texels', () => {
  const bindings = bindingsOf(conv2d.source);
  expect(Object.keys(bindings)).toEqual(['x', 'w', 'y', 'dy', 'dx', 'parts', 'dw']);
  expect(bindings.x).toEqual({ binding: 0, type: 'read-only-storage' });
  expect(bindings.dx).toEqual({ binding: 4, type: 'storage' });
  const { x } = bindingsOf(packedWarp.source);
  expect(x).toEqual({ binding: 0, type: 'texture', format: 'rgba32float' });
  const halves = bindingsOf(packedWarp.source.replace('rgba32float', 'rgba16float'));
  expect(halves.x.format).toBe('rgba16float');
  expect(halves.dy.format).toBe('rgba32float');
});

describe('errors', () => {
  test('of the compiler come with the file, the line and the column, and leave the device usable', async () => {
    const lines = relu.source.split('\n');
    const line = lines.findIndex((text) => text.includes('max(x[i], 0.0)'));
    lines[line] = '  y[i] = maxx(x[i], 0.0);';
    const made = pipelineFor(gpu, 'broken', lines.join('\n'), forward, { SIZE: 4 });
    await expect(made).rejects.toThrow(
      `broken.wgsl:forward does not compile: ${line + 1}:10 unresolved call target 'maxx'`,
    );
    await expect(made).rejects.toMatchObject({ name: 'StreamscopeError', code: 70 });
    await gpu.finish();
  });

  test('of specialisation name the constant that is missing', async () => {
    const made = pipelineFor(gpu, 'unset.backward x', relu.source, forward, {});
    await expect(made).rejects.toThrow(/^unset\.wgsl:forward does not compile: .*SIZE/s);
    await gpu.finish();
  });

  test('of names: a binding that is not declared, an entry point that does not exist', async () => {
    const unknown = pipelineFor(gpu, 'names', relu.source, { ...forward, bindings: ['x', 'z'] }, { SIZE: 4 });
    await expect(unknown).rejects.toThrow('names.wgsl:forward: z is not declared.');
    const absent = pipelineFor(
      gpu,
      'absent',
      relu.source,
      { ...forward, entryPoint: 'sideways' },
      { SIZE: 4 },
    );
    await expect(absent).rejects.toThrow('absent.wgsl:sideways does not compile');
    const unbound = pipelineFor(gpu, 'unbound', relu.source, { ...forward, bindings: ['x'] }, { SIZE: 4 });
    await expect(unbound).rejects.toThrow('unbound.wgsl:forward does not compile');
    await gpu.finish();
  });
});

test('equal constants share a pipeline, others do not; constants the file does not declare are left out', async () => {
  const first = pipelineFor(gpu, 'relu', relu.source, forward, { SIZE: 4 });
  expect(pipelineFor(gpu, 'relu', relu.source, forward, { SIZE: 4, UNKNOWN: 9 })).toBe(first);
  expect(pipelineFor(gpu, 'relu', relu.source, forward, { SIZE: 5 })).not.toBe(first);
  const backward = { ...forward, entryPoint: 'backward_x', bindings: ['x', 'dy', 'dx'] };
  const [once, adding] = [0, 1].map((ACCUMULATE) =>
    pipelineFor(gpu, 'relu.backward x', relu.source, backward, { SIZE: 4, ACCUMULATE }),
  );
  expect(once).not.toBe(adding);
  expect(once).not.toBe(first);
  await Promise.all([first, once, adding]);
});
