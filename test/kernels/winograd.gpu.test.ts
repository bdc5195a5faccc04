// fusedConv by Winograd's way, against the same references and with the same bounds as the plain sum: its points are
// chosen so that it keeps them. ResNet18's shapes where it is what runs, and awkward ones.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { gradientOf, Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read } from '../../src/engine/tensor.ts';
import { fusedConv } from '../../src/kernels/fusedConv.ts';
import { packConvolution } from '../../src/kernels/fusedWeights.ts';
import { weightsAtPoints, winogradPays } from '../../src/kernels/simdWinograd.ts';
import { randomArray } from '../support/arrays.ts';
import { type FusedShape, fusedCase, fusedName } from '../support/fusedCases.ts';
import { AWKWARD, canWinograd, WHOLE_FRAMES, windowShapes } from '../support/fusedShapes.ts';
import { checkOp } from '../support/opCheck.ts';
import { simdLanes } from '../support/simd.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

/** Whether some number of lanes would have it so, forward or back. */
function runs({ x: [, C, H, W], filter: [K], pad = 0 }: FusedShape): boolean {
  const [top, left, bottom, right] = typeof pad === 'number' ? [pad, pad, pad, pad] : pad;
  const shape = { C4: C / 4, H, W, P: H + top + bottom - 2, Q: W + left + right - 2, top, left, rectify: 1 };
  const back = { ...shape, C4: K / 4, P: H, Q: W };
  return [8, 16].some(
    (lanes) => winogradPays(lanes, { ...shape, outputs: K }) || winogradPays(lanes, { ...back, outputs: C }),
  );
}

const check = (shape: FusedShape) =>
  test(fusedName(shape), (context) => checkOp(gpu, fusedCase(shape, simdLanes(gpu, context), true)));

describe('ResNet18 at 224 x 224', () => {
  const shapes = WHOLE_FRAMES.filter((shape) => canWinograd(shape) && runs(shape));
  shapes.forEach(check);
  test('all but 7 x 7', () => expect(shapes.length).toBe(9));
});

describe('windows of a centre unit', () => {
  const shapes = windowShapes('2.0.O', '3.1.O').filter((shape) => canWinograd(shape) && runs(shape));
  shapes.forEach(check);
  test('there are many', () => expect(shapes.length).toBeGreaterThan(20));
});

describe('awkward shapes', () => AWKWARD.filter(canWinograd).forEach(check));

const pad = [1, 1, 1, 1] as const;
const [C, K, size] = [5, 9, 6];
const norm = { gamma: Array(K).fill(1), beta: Array(K).fill(0), mean: Array(K).fill(0) };
const weights = packConvolution(randomArray('w', [K, C, 3, 3]).data, [K, C, 3, 3], 1, {
  ...norm,
  variance: Array(K).fill(1),
  eps: 0,
});

/** y and dx of some samples, whose values are in `x` and `dy`. */
async function run(context: Parameters<typeof simdLanes>[1], x: number[][], dy: number[][]) {
  const settings = { filter: [C, 3, 3], stride: 1, pad, rectify: false } as const;
  const table = (name: string, { shape, data }: { shape: readonly number[]; data: ArrayLike<number> }) =>
    createTensor(gpu, name, shape, { data });
  const tensors = {
    x: createTensor(gpu, 'x', [x.length, 2, size, 4 * size], { data: x.flat(), differentiable: true }),
    w: table('w', weights.w),
    v: table('v', weights.v),
    wPoints: table('wPoints', weightsAtPoints(weights.w)),
    vPoints: table('vPoints', weightsAtPoints(weights.v)),
    bias: table('bias', { shape: [weights.bias.length], data: weights.bias }),
  };
  const given = createTensor(gpu, 'dy', [x.length, 3, size, 4 * size], { data: dy.flat() });
  const tape = new Tape();
  const y = tape.apply(fusedConv, tensors, { ...settings, lanes: simdLanes(gpu, context) });
  const dx = gradientOf(tape.backward(y, given), tensors.x);
  tape.keep(y);
  tape.keep(dx);
  const plan = await Plan.compile(gpu, tape);
  submit(gpu, [plan]);
  const results = [[...(await read(gpu, y))], [...(await read(gpu, dx))]];
  plan.destroy();
  destroy(gpu, given, ...Object.values(tensors));
  return results;
}

const sample = (name: string, planes: number): number[] => [
  ...randomArray(name, [planes * 4 * size * size]).data,
];

test('a sample has the same bytes in any batch and place', async (context) => {
  const names = Array.from({ length: 9 }, (_, i) => `${i}`);
  const [x, dy] = [names.map((n) => sample(`x${n}`, 2)), names.map((n) => sample(`dy${n}`, 3))];
  const together = await run(context, x, dy);
  for (const i of [0, 4, 8]) {
    const alone = await run(context, [x[i]], [dy[i]]);
    for (const [values, all] of alone.map((values, j) => [values, together[j]]))
      expect(all.slice(i * values.length, (i + 1) * values.length)).toEqual(values);
  }
});

// a run that diverges must be seen to
test.for([Number.NaN, Number.POSITIVE_INFINITY])(
  '%d in x or dy leaves nothing finite about it',
  async (bad, context) => {
    const spoil = (values: number[]) => [bad, ...values.slice(1)];
    for (const result of await run(context, [spoil(sample('x', 2))], [spoil(sample('dy', 3))]))
      expect(result.slice(0, 4).some(Number.isFinite)).toBe(false);
  },
);

test('zeros give exact zeros', async (context) => {
  const zeros = (planes: number) => [Array(planes * 4 * size * size).fill(0)];
  for (const result of await run(context, zeros(2), zeros(3)))
    expect(result.every((value) => value === 0)).toBe(true);
});
