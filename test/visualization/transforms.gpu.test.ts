// The chain of transforms on the GPU, forward and backward, against the same chain in float64: both modes of jitter,
// several units per batch, the extremes of what they draw among them.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { relativeL2 } from '../../src/analysis/verify.ts';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { gradientOf, Tape } from '../../src/engine/tape.ts';
import { createTensor, read } from '../../src/engine/tensor.ts';
import { pad, padBackwardX, warp, warpBackwardX } from '../../src/kernels/imageReference.ts';
import type { Array64 } from '../../src/kernels/reference.ts';
import { WARP_FIELDS } from '../../src/kernels/warp.ts';
import {
  ANGLES,
  type Draw,
  drawTransforms,
  type Placement,
  placeTransforms,
  planTransforms,
  recordTransforms,
  SCALES,
  type TransformPlan,
} from '../../src/visualization/transforms.ts';
import { randomArray } from '../support/arrays.ts';

const SIZE = 96;
/** rows of the network's window and where it starts: a centre unit of block 2.0 */
const [ROWS, START] = [67, 15];

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu.close());

/** One unit's chain in float64: the result, and the gradient of sum(y * dy) by the window of the image. */
function reference(plan: TransformPlan, { maps, pad: at }: Placement, image: Array64, dy: Array64) {
  const settings = {
    frame: [SIZE, SIZE] as const,
    source: [at[0], at[1]] as const,
    target: { origin: [at[2], at[3]] as const, size: [plan.stages[0].rows, plan.stages[0].rows] as const },
  };
  const inputs = [image];
  for (const { kind, rows } of plan.stages) {
    const x = inputs.at(-1)!;
    inputs.push(kind === 'pad' ? pad(x, settings) : warp(x, [rows, rows], maps[kind]!));
  }
  const y = inputs.pop()!;
  const dx = plan.stages.reduceRight((gradient, { kind }, i) => {
    return kind === 'pad'
      ? padBackwardX(gradient, inputs[i], settings)
      : warpBackwardX(gradient, inputs[i], maps[kind]!);
  }, dy);
  return { y, dx };
}

test.each([
  ['faithful', 4],
  ['centered', 4],
  ['faithful', 16],
  ['centered', 16],
  ['centered', 6],
] as const)('%s jitter of %i px', async (jitterMode, jitter) => {
  const settings = { jitter, jitterMode, scales: SCALES, angles: ANGLES };
  const plan = planTransforms(settings, SIZE, ROWS);
  const drawn = Array.from({ length: 200 }, (_, step) => drawTransforms(settings, 3, 9, step));
  const by = (value: (draw: Draw) => number) => [...drawn].sort((a, b) => value(a) - value(b));
  const sideways = by(({ first, second }) => first[0] + second[0]);
  const upright = by(({ first, second }) => first[1] + second[1]);
  const draws = [drawn[0], sideways[0], sideways.at(-1)!, upright[0], upright.at(-1)!];
  const placed = draws.map((draw) => placeTransforms(plan, draw, START));

  const N = draws.length;
  const shape = [N, 3, plan.rows, plan.rows];
  const [x, dy] = [randomArray('x', shape), randomArray('dy', [N, 3, ROWS, ROWS])];
  const image = createTensor(gpu, 'image', shape, { data: x.data, differentiable: true });
  const upstream = createTensor(gpu, 'dy', dy.shape, { data: dy.data });
  const mapsOf = (kind: 'first' | 'scale' | 'rotate' | 'second') =>
    createTensor(gpu, kind, [1, N, WARP_FIELDS.length], {
      data: placed.flatMap(({ maps }) => WARP_FIELDS.map((field) => maps[kind]![field])),
    });
  const tables = {
    clock: createTensor(gpu, 'clock', [1], { type: 'u32' }),
    placements: createTensor(gpu, 'placements', [1, N, 4], {
      type: 'i32',
      data: placed.flatMap((placement) => placement.pad),
    }),
    maps: {
      first: mapsOf('first'),
      scale: mapsOf('scale'),
      rotate: mapsOf('rotate'),
      second: mapsOf('second'),
    },
  };
  const tape = new Tape();
  const y = tape.keep(recordTransforms(tape, image, plan, tables));
  const dx = tape.keep(gradientOf(tape.backward(y, upstream), image));
  const compiled = await Plan.compile(gpu, tape);
  submit(gpu, [compiled]);
  const [actual, gradient] = [await read(gpu, y), await read(gpu, dx)];
  compiled.destroy();

  const sample = ({ shape: [, ...rest], data }: Array64, n: number): Array64 => {
    const length = data.length / N;
    return { shape: [1, ...rest], data: data.slice(n * length, (n + 1) * length) };
  };
  placed.forEach((placement, n) => {
    const expected = reference(plan, placement, sample(x, n), sample(dy, n));
    const part = (values: Float32Array) =>
      values.subarray((n * values.length) / N, ((n + 1) * values.length) / N);
    // As docs/paper-map.md has it: relative L2 within 1e-5 for pictures. This one is white noise, of which a shift of
    // 1e-5 px (float32 at 100 px) changes as much as 1e-5 of its rms per resampling, and there are three.
    expect(relativeL2(part(actual), expected.y.data), `unit ${n}`).toBeLessThan(3e-5);
    expect(relativeL2(part(gradient), expected.dx.data), `unit ${n}`).toBeLessThan(3e-5);
  });
});
