// How kernels are timed: the same dispatch many times in one submit, so that the way to the adapter and back does not
// count, and many submits. Buffers are the same every time: small cases are measured with warm caches.

import type { Gpu } from '../src/engine/device.ts';
import { Plan, submit } from '../src/engine/plan.ts';
import { type Dispatch, Tape } from '../src/engine/tape.ts';
import { type Summary, summarize } from './samples.ts';

/** Least time of one sample, ms. */
const SAMPLE_MS = 20;
const SAMPLES = 7;

/** A plan of some dispatches, which may be some that `from` recorded. Tensors that own no buffer get one of the plan's. */
export function planOf(gpu: Gpu, dispatches: readonly Dispatch[], from?: Tape): Promise<Plan> {
  const tape = new Tape();
  tape.dispatches.push(...dispatches);
  const used = new Set(dispatches.flatMap(({ operands }) => Object.values(operands)));
  for (const [tensor, values] of from?.tables ?? []) if (used.has(tensor)) tape.tables.set(tensor, values);
  return Plan.compile(gpu, tape);
}

/** ms of one run of the plan. */
export async function timePlan(gpu: Gpu, plan: Plan, seconds: number): Promise<Summary> {
  const sample = async (repeats: number): Promise<number> => {
    const start = performance.now();
    submit(
      gpu,
      Array.from({ length: repeats }, () => plan),
    );
    await gpu.finish();
    return performance.now() - start;
  };
  let repeats = 1;
  for (let ms = await sample(1); ; ms = await sample(repeats)) {
    if (ms >= SAMPLE_MS || repeats >= 4096) break;
    repeats = Math.min(4096, Math.ceil(Math.min(8, (1.3 * SAMPLE_MS) / ms) * repeats));
  }
  const samples: number[] = [];
  const end = performance.now() + 1000 * seconds;
  while (samples.length < SAMPLES || performance.now() < end) samples.push((await sample(repeats)) / repeats);
  return summarize(samples);
}
