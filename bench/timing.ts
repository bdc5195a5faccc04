// How kernels are timed: the same dispatch many times in one submit, so that the way to the adapter and back does not
// count, and many submits. Buffers are the same every time: small cases are measured with warm caches.

import { availableParallelism } from 'node:os';
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

/** Of one run of a plan, ms. */
export interface PlanTime {
  ms: Summary;
  /**
   * Where the adapter computes on the CPU: time of this process on all cores, over their number. What others do on the
   * machine meanwhile counts less, and so do cores that wait for each other.
   */
  cpuMs?: Summary;
}

export async function timePlan(gpu: Gpu, plan: Plan, seconds: number): Promise<PlanTime> {
  const cpu = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000 / availableParallelism();
  };
  const sample = async (repeats: number): Promise<{ ms: number; cpuMs: number }> => {
    const [start, before] = [performance.now(), cpu()];
    submit(
      gpu,
      Array.from({ length: repeats }, () => plan),
    );
    await gpu.finish();
    return { ms: performance.now() - start, cpuMs: cpu() - before };
  };
  let repeats = 1;
  for (let { ms } = await sample(1); ; { ms } = await sample(repeats)) {
    if (ms >= SAMPLE_MS || repeats >= 4096) break;
    repeats = Math.min(4096, Math.ceil(Math.min(8, (1.3 * SAMPLE_MS) / ms) * repeats));
  }
  const samples: { ms: number; cpuMs: number }[] = [];
  const end = performance.now() + 1000 * seconds;
  while (samples.length < SAMPLES || performance.now() < end) samples.push(await sample(repeats));
  const ms = summarize(samples.map((one) => one.ms / repeats));
  return gpu.isSoftware ? { ms, cpuMs: summarize(samples.map((one) => one.cpuMs / repeats)) } : { ms };
}
