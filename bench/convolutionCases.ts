// Convolutions forward and backward, in both versions where the adapter has them: plain, and fused with bias on packed
// activations, four channels to a texel (pack.ts), as the network runs it. Copies into textures count as its time.

import type { Gpu } from '../src/engine/device.ts';
import { Tape } from '../src/engine/tape.ts';
import { createTensor, createTexture, type Tensor } from '../src/engine/tensor.ts';
import { conv2d } from '../src/kernels/conv2d.ts';
import { fusedConv } from '../src/kernels/fusedConv.ts';
import { packConvolution } from '../src/kernels/fusedWeights.ts';
import type { Shape } from '../src/kernels/op.ts';
import { packedShape } from '../src/kernels/pack.ts';
import { type Array64, zeros } from '../src/kernels/reference.ts';
import { halfToNumber, numberToHalf } from '../src/model/elements.ts';
import { randomArray } from '../test/support/arrays.ts';
import { sampledConv2d, sampledConv2dBackwardX, sampleOf } from '../test/support/sampledConv.ts';
import document from './cases.json';
import { BOUND, type KernelCase, type KernelGroup, passesOf, upload } from './kernelCase.ts';

/** Elements of a convolution that are compared. */
const SAMPLED = 300;
const { convolutions } = document.kernels;

export type ConvolutionRow = (typeof convolutions)[number];

/** Arrays of a convolution and what float64 makes of them, forward and backward. Weights for float16 are halves. */
function convolutionData({ float16 }: Gpu, { name, N, C, size, K, filter, stride, pad }: ConvolutionRow) {
  const settings = { stride, pad: [pad, pad, pad, pad] as const };
  const rows = Math.floor((size + 2 * pad - filter) / stride) + 1;
  const x = randomArray(`${name} x`, [N, C, size, size]);
  const w = randomArray(`${name} w`, [K, C, filter, filter]);
  if (float16) w.data = w.data.map((value) => halfToNumber(numberToHalf(value)));
  const dy = randomArray(`${name} dy`, [N, K, rows, rows]);
  const at = [dy, x].map(({ shape }) => sampleOf(name, shape, SAMPLED));
  const expected = [
    { indices: at[0], values: sampledConv2d(x, w, settings, at[0]) },
    { indices: at[1], values: sampledConv2dBackwardX(dy, x, w, settings, at[1]) },
  ];
  return { settings, arrays: { x, w, dy }, expected };
}

/** The inputs of the fused version beside x, for a batch norm that does nothing. */
function packedWeights(gpu: Gpu, { shape, data }: Array64, stride: number): Record<string, Tensor> {
  const [ones, zeroes] = [1, 0].map((value) => new Array<number>(shape[0]).fill(value));
  const norm = { gamma: ones, beta: zeroes, mean: zeroes, variance: ones, eps: 0 };
  const { w, v, bias } = packConvolution(data, shape, stride, norm);
  const texture = (label: string, table: { shape: Shape; data: Float32Array }) =>
    gpu.float16
      ? createTexture(gpu, label, table.shape, Uint16Array.from(table.data, numberToHalf), 'f16')
      : createTexture(gpu, label, table.shape, table.data);
  return {
    w: texture('packed', w),
    v: texture('packed for the gradient', v),
    bias: createTensor(gpu, 'bias', [bias.length], { data: bias }),
  };
}

/** Where element `index` of [N,C,H,W] lies in the packed array [N,ceil(C/4),H,4W]. */
export function packedIndex([, C, H, W]: readonly number[], index: number): number {
  const [w, h] = [index % W, Math.floor(index / W) % H];
  const [c, n] = [Math.floor(index / (W * H)) % C, Math.floor(index / (W * H * C))];
  return ((n * Math.ceil(C / 4) + Math.floor(c / 4)) * H + h) * 4 * W + 4 * w + (c % 4);
}

/** The packed array of [N,C,H,W]. */
export function packed({ shape, data }: Array64): Array64 {
  const result = zeros(...packedShape(shape));
  data.forEach((value, i) => {
    result.data[packedIndex(shape, i)] = value;
  });
  return result;
}

/** The cases of a convolution, those of the fused version where the adapter has SIMD lanes. */
export function convolution(gpu: Gpu, row: ConvolutionRow): KernelGroup {
  const { settings, arrays, expected } = convolutionData(gpu, row);
  const tensors = upload(gpu, { x: arrays.x, w: arrays.w, dy: arrays.dy }, 'x');
  const { x, w, dy } = tensors;
  const plain = new Tape();
  const passes = passesOf(gpu, plain, plain.apply(conv2d, { x, w }, settings), dy, x);
  const cases = passes.map((pass, i): KernelCase => {
    const name = `${row.name}, plain${i === 0 ? '' : ' backward'}`;
    return { name, shape: pass.result.shape, bound: BOUND, expected: expected[i], ...pass };
  });
  const fused = gpu.simdLanes
    ? fusedCases(gpu, row, gpu.simdLanes, { settings, arrays, expected })
    : undefined;
  const all = [...cases, ...(fused?.cases ?? [])];
  const results = all.map(({ result }) => result);
  return { cases: all, tensors: [...Object.values(tensors), ...(fused?.tensors ?? []), ...results] };
}

function fusedCases(
  gpu: Gpu,
  row: ConvolutionRow,
  lanes: number,
  { settings, arrays, expected }: ReturnType<typeof convolutionData>,
): KernelGroup {
  const activations = upload(gpu, { x: packed(arrays.x), dy: packed(arrays.dy) }, 'x');
  const weights = packedWeights(gpu, arrays.w, row.stride);
  const filter = [row.C, row.filter, row.filter] as const;
  const tape = new Tape();
  const { x, dy } = activations;
  const { float16 } = gpu;
  const y = tape.apply(fusedConv, { x, ...weights }, { ...settings, filter, rectify: false, lanes, float16 });
  const shapes = [arrays.dy.shape, arrays.x.shape];
  const cases = passesOf(gpu, tape, y, dy, x).map((pass, i): KernelCase => {
    const { values, indices } = expected[i];
    const at = { values, indices: indices.map((index) => packedIndex(shapes[i], index)) };
    const name = `${row.name}, fused${i === 0 ? '' : ' backward'}`;
    return { name, shape: shapes[i], bound: BOUND, expected: at, ...pass };
  });
  return { cases, tensors: [...Object.values(activations), ...Object.values(weights)] };
}
