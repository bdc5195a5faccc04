// Where the time of a step goes: every dispatch in a pass of its own, timed by the adapter (timestamp queries).
// Passes cost time themselves, so the sum is more than a step takes when it is not profiled.

import { StreamscopeError } from '../error.ts';
import type { Gpu } from './device.ts';
import { encodeCopies, encodeDispatch, type Plan, type PlannedDispatch } from './plan.ts';

export interface Timing {
  label: string;
  shape: string;
  milliseconds: number;
  flops: number;
  /** bytes read and written at least once */
  bytes: number;
}

/** Runs one step and times every dispatch. Throws when the adapter has no timestamps. */
export async function profile(gpu: Gpu, plan: Plan): Promise<Timing[]> {
  const { device } = gpu;
  if (!device.features.has('timestamp-query')) {
    throw new StreamscopeError('unavailable', `${gpu.adapter} offers no timestamp queries.`);
  }
  const count = 2 * plan.dispatches.length;
  const querySet = device.createQuerySet({ type: 'timestamp', count });
  const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
  const resolved = gpu.createBuffer('timestamps', 8 * count, usage);
  try {
    const encoder = device.createCommandEncoder();
    plan.dispatches.forEach((dispatch, i) => {
      encodeCopies(encoder, dispatch);
      const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
      const pass = encoder.beginComputePass({ timestampWrites });
      encodeDispatch(pass, dispatch);
      pass.end();
    });
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    device.queue.submit([encoder.finish()]);
    const nanoseconds = new BigUint64Array(await gpu.read(resolved));
    return plan.dispatches.map((dispatch, i) =>
      timing(dispatch, Number(nanoseconds[2 * i + 1] - nanoseconds[2 * i])),
    );
  } finally {
    gpu.destroyBuffer(resolved);
    querySet.destroy();
  }
}

function timing({ label, pass, operands }: PlannedDispatch, nanoseconds: number): Timing {
  const tensors = pass.bindings.map((name) => operands[name]);
  return {
    label,
    shape: tensors.map(({ shape }) => shape.join('x')).join(' '),
    milliseconds: Math.max(0, nanoseconds) / 1e6,
    flops: pass.flops,
    bytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** A table for people: one row per dispatch, the total last. */
export function formatTimings(timings: readonly Timing[]): string {
  const row = (label: string, ms: number, flops: number, bytes: number, shape: string) =>
    `${label.padEnd(28)} ${ms.toFixed(3).padStart(9)} ms ${rate(flops, ms).padStart(8)} GFLOP/s ${rate(bytes, ms).padStart(8)} GB/s  ${shape}`;
  const total = (pick: (timing: Timing) => number) => timings.reduce((sum, timing) => sum + pick(timing), 0);
  return [
    ...timings.map(({ label, milliseconds, flops, bytes, shape }) =>
      row(label, milliseconds, flops, bytes, shape),
    ),
    row(
      'total',
      total((t) => t.milliseconds),
      total((t) => t.flops),
      total((t) => t.bytes),
      '',
    ),
  ].join('\n');
}

const rate = (amount: number, milliseconds: number): string =>
  milliseconds > 0 ? (amount / milliseconds / 1e6).toFixed(2) : '-';
