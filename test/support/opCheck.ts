// One check for every op, after tinygrad's helper_test_op: run it forward and backward through Tape and Plan and
// compare with the float64 reference, at every clock step it has tables for; then apply it twice to the same
// inputs, so that its gradients accumulate. A failure names the pass and the case.
//
// The error is the largest difference over the rms of what was expected: relative errors mean nothing where a sum
// cancels. The bounds: a float32 sum of n products errs by about sqrt(n) 2^-25 of the rms of its terms times
// sqrt(n), so by about sqrt(n) 2^-25 of its own rms, and the largest of a million such errors is five times that.
// The longest sum in ResNet18 has n = 4608: 5 * 68 * 3.0e-8 = 1.0e-5. A gradient that accumulates adds two sums.
//
// It throws without the help of vitest, because otherLanes.ts runs it in a process of its own.

import assert from 'node:assert/strict';
import type { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { errorOverRms } from '../../src/engine/selfTest.ts';
import { gradientOf, Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read, readIntegers, type Tensor } from '../../src/engine/tensor.ts';
import type { ElementType, Shape } from '../../src/kernels/op.ts';
import type { Array64 } from '../../src/kernels/reference.ts';
import { advance } from '../../src/kernels/update.ts';
import { randomArray } from './arrays.ts';
import { weightedSum } from './testOps.ts';

export const FORWARD_BOUND = 1e-5;
export const BACKWARD_BOUND = 2e-5;

/** What an array should hold: all of it, or only at some flat indices. */
export type Expected = ArrayLike<number> | { indices: readonly number[]; values: ArrayLike<number> };

export interface OpCase {
  /** the op, its shapes and settings: what a failure is called */
  name: string;
  inputs: Record<string, Array64>;
  /** inputs that are no floats of the autograd: tables of channels, origins, maps. A table `clock` is made here. */
  tables?: Record<string, { shape: Shape; type?: ElementType; data: ArrayLike<number> }>;
  /** steps of the clock that the tables have rows for */
  steps?: number;
  record(tape: Tape, inputs: Record<string, Tensor>): Tensor;
  forward(step: number): Expected;
  /** by name of the input */
  backward(dy: Array64, step: number): Record<string, Expected>;
  /** 0 for passes that only move numbers */
  bounds?: { forward?: number; backward?: number };
  /** whole numbers the op puts out beside y, by dispatch operand */
  integers?: { name: string; expected: ArrayLike<number> };
}

/** Largest error seen per op and pass, over its bound. */
export const worst = new Map<string, { error: number; bound: number; name: string }>();

export async function checkOp(gpu: Gpu, given: OpCase): Promise<void> {
  const row = { ...given, forward: once(given.forward), backward: once(given.backward) };
  const before = gpu.liveBytes;
  await run(gpu, row, 'once', (tape, inputs) => row.record(tape, inputs), 1);
  const twice = (tape: Tape, inputs: Record<string, Tensor>) =>
    tape.apply(weightedSum, { a: row.record(tape, inputs), b: row.record(tape, inputs) });
  await run(gpu, row, 'twice', twice, 3);
  assert.equal(gpu.liveBytes, before, `${row.name}: bytes left allocated`);
}

/** Remembers the result per step: both runs compare with the same numbers. */
function once<Arguments extends unknown[], Result>(f: (...values: Arguments) => Result) {
  const results = new Map<unknown, Result>();
  return (...values: Arguments): Result => {
    const step = values.at(-1);
    if (!results.has(step)) results.set(step, f(...values));
    return results.get(step)!;
  };
}

/** `factor`: how often the op's own result is contained in y and in the gradients. */
async function run(
  gpu: Gpu,
  row: OpCase,
  mode: string,
  record: OpCase['record'],
  factor: number,
): Promise<void> {
  const { inputs, tables = {}, steps = 1 } = row;
  const tensors: Record<string, Tensor> = {
    clock: createTensor(gpu, 'clock', [1], { type: 'u32' }),
  };
  for (const [name, { shape, data }] of Object.entries(inputs))
    tensors[name] = createTensor(gpu, name, shape, { data, differentiable: true });
  for (const [name, { shape, type, data }] of Object.entries(tables))
    tensors[name] = createTensor(gpu, name, shape, { type, data });

  const tape = new Tape();
  const y = tape.keep(record(tape, tensors));
  const dy = randomArray(`${row.name} dy`, y.shape);
  tensors.dy = createTensor(gpu, 'dy', dy.shape, { data: dy.data });
  const arrived = tape.backward(y, tensors.dy);
  const names = Object.keys(row.backward(dy, 0));
  const gradients = names.map((name) => tape.keep(gradientOf(arrived, tensors[name])));
  const extra = row.integers && tape.keep(tape.dispatches[0].operands[row.integers.name]);
  tape.update(advance(), { clock: tensors.clock });
  const plan = await Plan.compile(gpu, tape);
  for (let step = 0; step < steps; step++) {
    soil(gpu, tape, plan);
    submit(gpu, [plan]);
    const at = `${row.name}, ${mode}${steps > 1 ? `, step ${step}` : ''}`;
    compare(
      at,
      'forward',
      await read(gpu, y),
      row.forward(step),
      factor,
      row.bounds?.forward ?? FORWARD_BOUND,
    );
    const expected = row.backward(dy, step);
    for (const [i, name] of names.entries()) {
      const bound = row.bounds?.backward ?? BACKWARD_BOUND;
      compare(at, `d${name}`, await read(gpu, gradients[i]), expected[name], factor, bound);
    }
    if (extra)
      assert.deepEqual(
        [...(await readIntegers(gpu, extra))],
        [...Array.from(row.integers!.expected)],
        `${at}: ${row.integers!.name}`,
      );
  }
  plan.destroy();
  destroy(gpu, ...Object.values(tensors));
}

/** Every pass writes all of its output: of what lay there before, NaN here, nothing may be left. */
function soil(gpu: Gpu, tape: Tape, plan: Plan): void {
  const tables = new Set([...tape.tables.keys()].map(({ buffer }) => buffer));
  for (const buffer of plan.buffers)
    if (!tables.has(buffer)) gpu.device.queue.writeBuffer(buffer, 0, new Uint8Array(buffer.size).fill(0xff));
}

function compare(
  at: string,
  pass: string,
  actual: Float32Array,
  expected: Expected,
  factor: number,
  given: number,
) {
  const bound = factor === 1 ? given : Math.max(given, 1e-6); // adding rounds, even numbers that were only moved
  const sampled = 'indices' in expected;
  const values = Float64Array.from(sampled ? expected.values : expected, (value) => factor * value);
  const error = errorOverRms(sampled ? expected.indices.map((i) => actual[i]) : actual, values);
  const key = `${at.split(' ')[0]} ${pass}`;
  if (error > (worst.get(key)?.error ?? -1)) worst.set(key, { error, bound, name: at });
  if (!(error <= bound))
    assert.fail(`${at}: ${pass} is wrong by ${error.toExponential(2)} of the rms, bound ${bound}.`);
}
