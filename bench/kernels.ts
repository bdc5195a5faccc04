// npm run bench -- kernels: single kernels, each compared with float64 before it is timed, against what the adapter
// can do at best (ceilings.ts). A kernel that differs gets no time.

import type { Gpu } from '../src/engine/device.ts';
import { submit } from '../src/engine/plan.ts';
import { errorOverRms } from '../src/engine/selfTest.ts';
import { BYTES_PER_ELEMENT, destroy, read } from '../src/engine/tensor.ts';
import type { Ceilings } from './ceilings.ts';
import { type KernelCase, kernelGroups } from './kernelCases.ts';
import type { Summary } from './samples.ts';
import { planOf, timePlan } from './timing.ts';

export interface KernelRow {
  name: string;
  shape: readonly number[];
  validation: { valid: boolean; error: number; bound: number };
  ms?: Summary;
  gflops?: number;
  /** bytes read and written at least once, over the time */
  gbps?: number;
  /** least time that the ceilings allow, over the time: by the medians */
  fraction?: number;
}

/** Rows as they are finished, of the groups whose names contain `only`. */
export async function* benchKernels(
  gpu: Gpu,
  ceilings: Ceilings,
  { only, seconds }: { only: string; seconds: number },
): AsyncGenerator<KernelRow> {
  for (const { name, make } of kernelGroups()) {
    if (!name.includes(only)) continue;
    const { cases, tensors } = make(gpu);
    try {
      for (const kernel of cases) yield await benchKernel(gpu, kernel, ceilings, seconds);
    } finally {
      destroy(gpu, ...tensors);
    }
  }
}

async function benchKernel(
  gpu: Gpu,
  { name, shape, tape, dispatch, result, bound, expected }: KernelCase,
  ceilings: Ceilings,
  seconds: number,
): Promise<KernelRow> {
  const plan = await planOf(gpu, dispatch, tape);
  try {
    submit(gpu, [plan]);
    const found = await read(gpu, result);
    const error = errorOverRms(expected.indices?.map((i) => found[i]) ?? found, expected.values);
    const validation = { valid: error <= bound, error, bound };
    if (!validation.valid) return { name, shape, validation };
    const ms = await timePlan(gpu, plan, seconds);
    const { pass, operands } = dispatch;
    const tensors = new Set(pass.bindings.map((binding) => operands[binding]));
    const bytes = [...tensors].reduce((sum, { size }) => sum + size * BYTES_PER_ELEMENT, 0);
    const least = Math.max(pass.flops / ceilings.gflops, bytes / ceilings.gbps) / 1e6;
    const rate = (amount: number) => amount / ms.median / 1e6;
    return {
      name,
      shape,
      validation,
      ms,
      gflops: rate(pass.flops),
      gbps: rate(bytes),
      fraction: least / ms.median,
    };
  } finally {
    plan.destroy();
  }
}

export const KERNEL_HEADER =
  'kernel                                  result              ms       min   GFLOP/s      GB/s  of ceiling';

export function kernelLine({ name, shape, validation, ms, gflops, gbps, fraction }: KernelRow): string {
  const head = `${name.padEnd(36)} ${shape.join('x').padEnd(16)}`;
  if (!ms) return `${head} DIFFERS by ${validation.error.toExponential(1)}, bound ${validation.bound}`;
  return [
    head,
    ms.median.toFixed(3).padStart(8),
    ms.min.toFixed(3).padStart(9),
    gflops!.toFixed(1).padStart(9),
    gbps!.toFixed(1).padStart(9),
    `${(100 * fraction!).toFixed(0)} %`.padStart(10),
  ].join(' ');
}
