// The kernel that takes a gradient through the fold and moves the spectrum by it, against the two steps one after the
// other: the gradient as the fold's own backward pass stores it, and Adam in float64; and the norm of that gradient.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { gradientOf, Tape } from '../../src/engine/tape.ts';
import { createTensor, createTexture, destroy, read } from '../../src/engine/tensor.ts';
import { frequencyScale, spectrumColumnCount } from '../../src/kernels/imageReference.ts';
import { adam as adamReference } from '../../src/kernels/reference.ts';
import { recordsShape, scaleTexels } from '../../src/kernels/spectrumRecords.ts';
import { adamRates, advance, traceOfSquares } from '../../src/kernels/update.ts';
import { ascendSpectrum, foldSpectrum } from '../../src/kernels/windowSpectrum.ts';
import { randomArray } from '../support/arrays.ts';
import { simdLanes } from '../support/simd.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

const STEPS = 3;

// rows with and without a radix step, columns that fill no group of lanes and that fill several
test.for([
  { N: 2, C: 3, H: 16, W: 16, rows: 7 },
  { N: 1, C: 1, H: 12, W: 40, rows: 12 },
  { N: 3, C: 2, H: 6, W: 30, rows: 4 },
  { N: 2, C: 1, H: 5, W: 5, rows: 3 },
  { N: 1, C: 3, H: 96, W: 96, rows: 30 },
])('$N x $C of $H x $W, $rows rows', async ({ N, C, H, W, rows }, context) => {
  const lanes = simdLanes(gpu, context);
  const F = spectrumColumnCount(W);
  const settings = { frame: [H, W], window: [rows, Math.min(rows, W)], lanes } as const;
  const shape = recordsShape([N, C, H, F]);
  const name = `${N} ${C} ${H} ${W}`;
  const p = randomArray(`p ${name}`, shape);
  const [m, v] = [0, 0].map(() => ({ shape, data: new Float64Array(p.data.length) }));
  const texels = scaleTexels(frequencyScale(H, W).data, H, F);
  const turns = Array.from({ length: H }, (_, k) => [0, 1].map((part) => trigonometric(part, k / H))).flat();
  const origins = Array.from({ length: 2 * STEPS * N }, (_, i) => (3 * i + 1) % (H - rows + 1));
  const tables = {
    scale: createTexture(gpu, 'scale', texels.shape, texels.data),
    turns: createTensor(gpu, 'turns', [H, 2], { data: turns }),
    origins: createTensor(gpu, 'origins', [STEPS, N, 2], { type: 'u32', data: origins }),
    clock: createTensor(gpu, 'clock', [1], { type: 'u32' }),
  };
  const state = {
    p: createTensor(gpu, 'p', shape, { data: p.data, differentiable: true }),
    m: createTensor(gpu, 'm', shape),
    v: createTensor(gpu, 'v', shape),
  };
  const rates = Array.from({ length: STEPS }, (_, step) => adamRates(0.05, step + 1)).flat();
  const { squares: parts, ...update } = ascendSpectrum(shape, settings);
  const others = {
    rates: createTensor(gpu, 'rates', [STEPS, 2], { data: rates }),
    squares: createTensor(gpu, 'squares', parts, { data: new Array<number>(N * parts[1]).fill(Number.NaN) }),
    objective: createTensor(gpu, 'objective', [N], { data: new Array<number>(N).fill(7) }),
    trace: createTensor(gpu, 'trace', [STEPS, N, 2]),
  };

  const tape = new Tape();
  const q = tape.apply(foldSpectrum, { p: state.p, ...tables }, settings);
  const upstream = randomArray(`dq ${name}`, q.shape);
  const dq = createTensor(gpu, 'dq', q.shape, { data: upstream.data });
  const g = tape.keep(gradientOf(tape.backward(q, dq), state.p));
  const { clock } = tables;
  tape.update(update, { ...tables, ...state, ...others, dy: dq });
  tape.update(traceOfSquares(parts), { ...others, g: others.squares, clock });
  tape.update(advance(), { clock });
  const plan = await Plan.compile(gpu, tape);
  for (let step = 0; step < STEPS; step++) {
    submit(gpu, [plan]);
    const gradient = await read(gpu, g);
    adamReference(p, m, v, { shape, data: Float64Array.from(gradient) }, 0.05, step + 1);
    for (const [key, { data }] of Object.entries({ p, m, v })) {
      const actual = await read(gpu, state[key as keyof typeof state]);
      const wrong = actual.findIndex(
        (value, i) => !(Math.abs(value - data[i]) <= 1e-5 + 1.3e-6 * Math.abs(data[i])),
      );
      expect(wrong, `${key} at step ${step}: ${actual[wrong]}, expected ${data[wrong]}`).toBe(-1);
    }
    const trace = await read(gpu, others.trace);
    for (let n = 0; n < N; n++) {
      const own = gradient.subarray((n * gradient.length) / N, ((n + 1) * gradient.length) / N);
      const exact = Math.sqrt(own.reduce((sum, x) => sum + x * x, 0));
      expect(exact).toBeGreaterThan(0);
      expect(trace[2 * (step * N + n)]).toBe(7);
      expect(Math.abs(trace[2 * (step * N + n) + 1] / exact - 1)).toBeLessThan(1e-5);
    }
  }
  plan.destroy();
  destroy(gpu, dq, ...Object.values(tables), ...Object.values(state), ...Object.values(others));
});

const trigonometric = (part: number, turn: number): number =>
  part === 0 ? Math.cos(2 * Math.PI * turn) : Math.sin(2 * Math.PI * turn);
