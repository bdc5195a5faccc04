// A one-second proof that the adapter computes: a small strided, padded convolution and its gradient on the GPU
// against the float64 reference, by the plain kernel and by the family that computes the network on this device.

import { conv2d } from '../kernels/conv2d.ts';
import { fusedConv } from '../kernels/fusedConv.ts';
import { packConvolution } from '../kernels/fusedWeights.ts';
import { gemmConv } from '../kernels/gemmConv.ts';
import { gradientMatrix, packForGemm, weightMatrix } from '../kernels/gemmWeights.ts';
import { pack, unpack } from '../kernels/pack.ts';
import { type Array64, conv2dBackwardX, conv2d as conv2dReference } from '../kernels/reference.ts';
import type { Gpu } from './device.ts';
import { Plan, submit } from './plan.ts';
import { normals, PURPOSE, streamOf } from './random.ts';
import { gradientOf, Tape } from './tape.ts';
import { createTensor, createTexture, destroy, read, type Tensor } from './tensor.ts';
import { tilingFor } from './tuning.ts';

const BOUND = 1e-5;
const SETTINGS = { stride: 2, pad: [1, 1, 0, 2] as const };
const FILTER = [12, 8, 3, 3] as const;

export interface SelfTest {
  /** largest error over the rms of the result, forward and backward */
  error: number;
  bound: number;
  passed: boolean;
  milliseconds: number;
}

/** A kernel under test: the tensors it reads beside x, and how it is recorded. */
interface Subject {
  tensors: Record<string, Tensor>;
  record(tape: Tape, x: Tensor): Tensor;
}

/** Throws only what the device throws; a wrong result is reported, not thrown. */
export async function selfTest(gpu: Gpu): Promise<SelfTest> {
  const start = performance.now();
  const [x, w] = [random('x', 2, FILTER[1], 15, 17), random('w', ...FILTER)];
  const y = conv2dReference(x, w, SETTINGS);
  const dy = random('dy', ...y.shape);
  const dx = conv2dBackwardX(dy, x, w, SETTINGS);
  const data = createTensor(gpu, 'x', x.shape, { data: x.data, differentiable: true });
  const arriving = createTensor(gpu, 'dy', dy.shape, { data: dy.data });
  const errors: number[] = [];
  for (const { tensors, record } of subjects(gpu, w)) {
    const tape = new Tape();
    const found = tape.keep(record(tape, data));
    const gradient = tape.keep(gradientOf(tape.backward(found, arriving), data));
    const plan = await Plan.compile(gpu, tape);
    submit(gpu, [plan]);
    errors.push(
      errorOverRms(await read(gpu, found), y.data),
      errorOverRms(await read(gpu, gradient), dx.data),
    );
    plan.destroy();
    destroy(gpu, ...Object.values(tensors));
  }
  destroy(gpu, data, arriving);
  const error = Math.max(...errors);
  return { error, bound: BOUND, passed: error <= BOUND, milliseconds: performance.now() - start };
}

function random(name: string, ...shape: number[]): Array64 {
  const count = shape.reduce((a, b) => a * b, 1);
  const stream = streamOf(name);
  return { shape, data: Float64Array.from(normals({ seed: 1, stream, purpose: PURPOSE.test }, count)) };
}

/** The plain convolution with weights `w`, and that of the device's family. */
function subjects(gpu: Gpu, w: Array64): Subject[] {
  const plain = { w: createTensor(gpu, 'w', w.shape, { data: w.data }) };
  const rows: Subject[] = [
    { tensors: plain, record: (tape, x) => tape.apply(conv2d, { x, ...plain }, SETTINGS) },
  ];
  if (gpu.simdLanes) rows.push(simdSubject(gpu, w, gpu.simdLanes));
  if (gpu.kernels === 'gemm') rows.push(gemmSubject(gpu, w));
  return rows;
}

const [K, ...READ] = FILTER;
const settings = { ...SETTINGS, filter: READ, rectify: false } as const;
/** A batch norm that changes nothing. */
const NORM = {
  gamma: new Float32Array(K).fill(1),
  beta: new Float32Array(K),
  mean: new Float32Array(K),
  variance: new Float32Array(K).fill(1),
  eps: 0,
};

function simdSubject(gpu: Gpu, { data, shape }: Array64, lanes: number): Subject {
  const { w, v, bias } = packConvolution(data, shape, SETTINGS.stride, NORM);
  const tensors = {
    w: createTexture(gpu, 'w', w.shape, w.data),
    v: createTexture(gpu, 'v', v.shape, v.data),
    bias: createTensor(gpu, 'bias', [bias.length], { data: bias }),
  };
  const record = (tape: Tape, x: Tensor) => {
    const packed = tape.apply(fusedConv, { x: tape.apply(pack, { x }), ...tensors }, { ...settings, lanes });
    return tape.apply(unpack, { x: packed }, { channels: K });
  };
  return { tensors, record };
}

function gemmSubject(gpu: Gpu, { data, shape }: Array64): Subject {
  const { w, v, bias } = packForGemm(data, shape, SETTINGS.stride, NORM);
  const tensors = {
    w: createTensor(gpu, 'w', weightMatrix(shape), { data: w }),
    v: createTensor(gpu, 'v', gradientMatrix(shape, SETTINGS.stride), { data: v }),
    bias: createTensor(gpu, 'bias', [bias.length], { data: bias }),
  };
  const tiling = tilingFor(gpu);
  return { tensors, record: (tape, x) => tape.apply(gemmConv, { x, ...tensors }, { ...settings, tiling }) };
}

/** Largest absolute difference over the root mean square of what was expected; NaN counts as infinite. */
export function errorOverRms(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let largest = actual.length === expected.length ? 0 : Number.POSITIVE_INFINITY;
  let squares = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    squares += expected[i] ** 2;
  }
  const rms = Math.sqrt(squares / Math.max(1, expected.length));
  return largest === 0 ? 0 : largest / rms;
}
