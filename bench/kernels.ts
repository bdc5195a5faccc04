// npm run bench -- kernels: single kernels, each compared with float64 before it is timed, against what the adapter
// can do at best (ceilings.ts). A kernel that differs gets no time.

import type { Gpu } from '../src/engine/device.ts';
import { submit } from '../src/engine/plan.ts';
import { errorOverRms } from '../src/engine/selfTest.ts';
import type { Dispatch } from '../src/engine/tape.ts';
import { destroy, read } from '../src/engine/tensor.ts';
import { Parameters } from '../src/model/parameters.ts';
import type { Ceilings } from './ceilings.ts';
import type { KernelCase } from './kernelCase.ts';
import { kernelGroups } from './kernelCases.ts';
import { NETWORK_BOUNDS, validateNetwork } from './networkBench.ts';
import { networkCases, referenceOfNetwork } from './networkCase.ts';
import { convolutionFlops } from './networkFiles.ts';
import { setUp } from './networkOurs.ts';
import { randomNetwork } from './networkWeights.ts';
import type { Summary } from './samples.ts';
import { type PlanTime, planOf, timePlan } from './timing.ts';

export interface KernelRow {
  name: string;
  shape: readonly number[];
  validation: { valid: boolean; error: number; bound: number };
  ms?: Summary;
  cpuMs?: Summary;
  gflops?: number;
  /** by cpuMs */
  cpuGflops?: number;
  /** bytes read and written at least once, over the time */
  gbps?: number;
  /** least time that the ceilings allow, over the time: by the medians */
  fraction?: number;
}

/** Name of the row that has them all. */
const CONVOLUTIONS = 'network convolutions';

/** Rows as they are finished, of the groups whose names contain `only`. `cache` is where float64 results are kept. */
export async function* benchKernels(
  gpu: Gpu,
  ceilings: Ceilings,
  { only, seconds, cache }: { only: string; seconds: number; cache: string },
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
  for (const batch of CONVOLUTIONS.includes(only) ? networkCases.batch : [])
    yield await benchConvolutions(gpu, batch, ceilings, cache, seconds);
}

async function benchKernel(
  gpu: Gpu,
  { name, shape, tape, dispatches, flops, result, bound, bytes, expected }: KernelCase,
  ceilings: Ceilings,
  seconds: number,
): Promise<KernelRow> {
  const plan = await planOf(gpu, dispatches, tape);
  try {
    submit(gpu, [plan]);
    const found = await read(gpu, result);
    const error = errorOverRms(expected.indices?.map((i) => found[i]) ?? found, expected.values);
    const validation = { valid: error <= bound, error, bound };
    if (!validation.valid) return { name, shape, validation };
    const time = await timePlan(gpu, plan, seconds);
    const sum = (of: (dispatch: Dispatch) => number) => dispatches.reduce((total, one) => total + of(one), 0);
    return {
      name,
      shape,
      validation,
      ...time,
      ...ratesOf(time, flops ?? sum(({ pass }) => pass.flops), bytes ?? sum(bytesOf), ceilings),
    };
  } finally {
    plan.destroy();
  }
}

/** Bytes of all tensors that a dispatch binds. */
function bytesOf({ pass, operands }: Dispatch): number {
  const tensors = new Set(pass.bindings.map((binding) => operands[binding]));
  return [...tensors].reduce((sum, { bytes }) => sum + bytes, 0);
}

function ratesOf({ ms, cpuMs }: PlanTime, flops: number, bytes: number, ceilings: Ceilings) {
  const rate = (amount: number) => amount / ms.median / 1e6;
  const rates = { gflops: rate(flops), gbps: rate(bytes) };
  const ofCpu = cpuMs && { cpuGflops: flops / cpuMs.median / 1e6 };
  return { ...rates, ...ofCpu, fraction: fractionOf(rates, ceilings) };
}

/** Time that the ceilings allow at least, over the time that it took: as rates, the nearer of the two limits. */
export const fractionOf = (rates: Ceilings, ceilings: Ceilings): number =>
  Math.max(rates.gflops / ceilings.gflops, rates.gbps / ceilings.gbps);

/**
 * All convolutions of ResNet18 at 224 x 224, forward and backward, as the network runs them, in one row: checked by the
 * gradient of a centre unit of the last block over whole frames. FLOP are those of the convolutions as defined,
 * however few a kernel gets by with. The dispatches' own floors are added up for the ceiling.
 */
async function benchConvolutions(
  gpu: Gpu,
  batch: number,
  ceilings: Ceilings,
  cache: string,
  seconds: number,
) {
  const { network, weights } = randomNetwork();
  const parameters = new Parameters(gpu, weights);
  const row = { ...networkCases.cases.at(-1)!, batch };
  const subject = await setUp({ gpu, network, parameters }, row, 'all', true);
  const name = `${CONVOLUTIONS}, batch ${batch}`;
  const shape = [batch, 3, networkCases.size, networkCases.size];
  try {
    const found = await subject.results();
    const { valid, gradient } = validateNetwork(row, referenceOfNetwork(cache, network, weights, row), found);
    const validation = { valid, error: gradient!, bound: NETWORK_BOUNDS.gradient };
    if (!valid) return { name, shape, validation };
    const plan = await subject.convolutions();
    try {
      const time = await timePlan(gpu, plan, seconds);
      const bytes = plan.dispatches.reduce((sum, dispatch) => sum + bytesOf(dispatch), 0);
      const flops = 2 * batch * convolutionFlops(network, networkCases.size);
      return { name, shape, validation, ...time, ...ratesOf(time, flops, bytes, ceilings) };
    } finally {
      plan.destroy();
    }
  } finally {
    subject.destroy();
    parameters.destroy();
  }
}

export const KERNEL_HEADER =
  'kernel                                  result              ms       min   GFLOP/s  of CPU time      GB/s  of ceiling';

export function kernelLine(row: KernelRow): string {
  const { name, shape, validation, ms, gflops, cpuGflops, gbps, fraction } = row;
  const head = `${name.padEnd(36)} ${shape.join('x').padEnd(16)}`;
  if (!ms) return `${head} DIFFERS by ${validation.error.toExponential(1)}, bound ${validation.bound}`;
  return [
    head,
    ms.median.toFixed(3).padStart(8),
    ms.min.toFixed(3).padStart(9),
    gflops!.toFixed(1).padStart(9),
    (cpuGflops?.toFixed(1) ?? '').padStart(12),
    gbps!.toFixed(1).padStart(9),
    `${(100 * fraction!).toFixed(0)} %`.padStart(10),
  ].join(' ');
}
