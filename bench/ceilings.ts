// What the adapter can do at best, measured in the same run: multiply-adds that touch registers only, and a copy. A
// kernel's ceiling is the larger of its time at the first rate and its time at the second (a roofline).
//
// Independent chains hide the latency, 8 to 24 of them, as registers allow; the factors are read from memory so that
// nothing can be computed beforehand. A turn of the loop takes every chain many steps further: where a loop keeps count
// of its lanes, as on software adapters, short turns measure the loop. Not every compiler fuses a * b + c, and not every
// adapter is fast at fma(): the best of all counts.

import type { Gpu } from '../src/engine/device.ts';
import { createTensor, destroy } from '../src/engine/tensor.ts';
import { planOf, timePlan } from './timing.ts';

const CHAINS = [8, 12, 24];
/** turns of the loop, and steps of a chain in one */
const TURNS = 32;
const STEPS = 16;
const INVOCATIONS = 1 << 16;
/** floats of the copy: 64 MiB */
const COPIED = 1 << 24;

export interface Ceilings {
  /** multiplications and additions */
  gflops: number;
  /** read plus written */
  gbps: number;
}

function multiplyAdd(chains: number, expression: (v: string) => string): string {
  const range = Array.from({ length: chains }, (_, i) => i);
  return `
@group(0) @binding(0) var<storage, read> x : array<f32>;
@group(0) @binding(1) var<storage, read_write> y : array<f32>;
@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  let a = x[0];
  let b = x[1];
  ${range.map((i) => `var v${i} = f32(id.x) * ${i + 1}.0;`).join(' ')}
  for (var turn = 0u; turn < ${TURNS}; turn++) {
    ${Array.from({ length: STEPS }, () => range.map((i) => `v${i} = ${expression(`v${i}`)};`).join(' ')).join('\n    ')}
  }
  y[id.x] = ${range.map((i) => `v${i}`).join(' + ')};
}
`;
}

const COPY = `
@group(0) @binding(0) var<storage, read> x : array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y : array<vec4f>;
@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u, @builtin(num_workgroups) groups : vec3u) {
  for (var i = id.x; i < arrayLength(&x); i += 64 * groups.x) { y[i] = x[i]; }
}
`;

/** Rate of a kernel y = f(x) that does `amount` per run, in units of 1e9 per second. */
async function rateOf(gpu: Gpu, label: string, source: string, sizes: number[], amount: number) {
  const [x, y] = sizes.map((size, i) => createTensor(gpu, 'xy'[i], [size], { data: [0.999, 0.001] }));
  const pass = {
    entryPoint: 'forward',
    bindings: ['x', 'y'],
    invocations: [INVOCATIONS, 1] as const,
    flops: 0,
  };
  const plan = await planOf(gpu, [{ label, source, pass, constants: {}, operands: { x, y } }]);
  try {
    return amount / (await timePlan(gpu, plan, 0.3)).ms.min / 1e6;
  } finally {
    plan.destroy();
    destroy(gpu, x, y);
  }
}

export async function measureCeilings(gpu: Gpu): Promise<Ceilings> {
  const kinds = [(v: string) => `${v} * a + b`, (v: string) => `fma(${v}, a, b)`];
  const rates: number[] = [];
  for (const chains of CHAINS)
    for (const kind of kinds) {
      const flops = 2 * chains * TURNS * STEPS * INVOCATIONS;
      rates.push(await rateOf(gpu, 'multiply-add', multiplyAdd(chains, kind), [2, INVOCATIONS], flops));
    }
  const gbps = await rateOf(gpu, 'copy', COPY, [COPIED, COPIED], 8 * COPIED);
  return { gflops: Math.max(...rates), gbps };
}
