// The kernel cases of cases.json as dispatches, each with what float64 says its result is (at some elements, where all
// would take too long). On a SIMD adapter convolutions run in both versions: plain, and fused with bias.

import type { Gpu } from '../src/engine/device.ts';
import { type Dispatch, Tape } from '../src/engine/tape.ts';
import { createTensor, type Tensor } from '../src/engine/tensor.ts';
import { conv2d } from '../src/kernels/conv2d.ts';
import { fusedConv, packConvolution } from '../src/kernels/fusedConv.ts';
import * as image from '../src/kernels/imageReference.ts';
import { elements } from '../src/kernels/op.ts';
import { type Array64, adam as adamReference, zeros } from '../src/kernels/reference.ts';
import { spectrumColumns } from '../src/kernels/spectrumColumns.ts';
import { spectrumRows } from '../src/kernels/spectrumRows.ts';
import { adam, adamRates } from '../src/kernels/update.ts';
import { createSpectrumTables } from '../src/visualization/parametrization.ts';
import { randomArray } from '../test/support/arrays.ts';
import { sampledConv2d, sampledConv2dBackwardX, sampleOf } from '../test/support/sampledConv.ts';
import document from './cases.json';

const { convolutions, spectra, adam: adams } = document.kernels;

/** Elements of a convolution that are compared. */
const SAMPLED = 300;
/** As in the tests of the ops, for their backward passes. */
const BOUND = 2e-5;

export interface KernelCase {
  name: string;
  /** shape of what it computes */
  shape: readonly number[];
  dispatch: Dispatch;
  /** what recorded the dispatch */
  tape?: Tape;
  result: Tensor;
  /** of the largest error over the rms */
  bound: number;
  expected: { indices?: readonly number[]; values: ArrayLike<number> };
}

/** Cases that share tensors. */
export interface KernelGroup {
  cases: KernelCase[];
  tensors: Tensor[];
}

type Made = (gpu: Gpu) => KernelGroup;

/** Groups by name; nothing is computed before one is made. */
export const kernelGroups = (): { name: string; make: Made }[] => [
  ...convolutions.map((row) => ({ name: row.name, make: (gpu: Gpu) => convolution(gpu, row) })),
  ...spectra.map((row) => ({ name: row.name, make: (gpu: Gpu) => spectrum(gpu, row) })),
  ...adams.map((row) => ({ name: row.name, make: (gpu: Gpu) => adamCase(gpu, row) })),
];

/** Uploads arrays by name. */
const upload = (gpu: Gpu, arrays: Record<string, Array64>, differentiable = ''): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(arrays).map(([name, { shape, data }]) => [
      name,
      createTensor(gpu, name, shape, { data, differentiable: name === differentiable }),
    ]),
  );

/** The forward and the backward dispatch of y = record(tape), whose results get buffers of their own. */
function passesOf(gpu: Gpu, tape: Tape, y: Tensor, dy: Tensor, x: Tensor) {
  const dx = tape.backward(y, dy).get(x)!;
  const results = [y, dx].map((tensor) => {
    const { buffer } = createTensor(gpu, tensor.label, tensor.shape);
    tensor.buffer = buffer;
    return tensor;
  });
  return tape.dispatches.map((dispatch, i) => ({ tape, dispatch, result: results[i] }));
}

type ConvolutionRow = (typeof convolutions)[number];

/** Arrays of a convolution and what float64 makes of them, forward and backward. */
function convolutionData({ name, N, C, size, K, filter, stride, pad }: ConvolutionRow) {
  const settings = { stride, pad: [pad, pad, pad, pad] as const };
  const rows = Math.floor((size + 2 * pad - filter) / stride) + 1;
  const x = randomArray(`${name} x`, [N, C, size, size]);
  const w = randomArray(`${name} w`, [K, C, filter, filter]);
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
  return {
    w: createTensor(gpu, 'packed', w.shape, { data: w.data }),
    v: createTensor(gpu, 'packed for the gradient', v.shape, { data: v.data }),
    bias: createTensor(gpu, 'bias', [bias.length], { data: bias }),
  };
}

function convolution(gpu: Gpu, row: ConvolutionRow): KernelGroup {
  const { settings, arrays, expected } = convolutionData(row);
  const tensors = upload(gpu, arrays, 'x');
  const { x, w, dy } = tensors;
  const record = (kind: string, apply: (tape: Tape) => Tensor): KernelCase[] => {
    const tape = new Tape();
    return passesOf(gpu, tape, apply(tape), dy, x).map((pass, i) => {
      const name = `${row.name}, ${kind}${i === 0 ? '' : ' backward'}`;
      return { name, shape: pass.result.shape, bound: BOUND, expected: expected[i], ...pass };
    });
  };
  const cases = record('plain', (tape) => tape.apply(conv2d, { x, w }, settings));
  const lanes = gpu.simdLanes;
  const packed = lanes ? packedWeights(gpu, arrays.w, row.stride) : {};
  if (lanes) {
    const fused = { ...settings, filter: [row.filter, row.filter] as const, rectify: false, lanes };
    cases.push(...record('fused', (tape) => tape.apply(fusedConv, { x, ...packed }, fused)));
  }
  const results = cases.map(({ result }) => result);
  return { cases, tensors: [...Object.values(tensors), ...Object.values(packed), ...results] };
}

type SpectrumRow = (typeof spectra)[number];

/** Arrays of the inverse DFT and what float64 makes of the last sample: those of a batch are alike. */
function spectrumData({ name, N, size, rows }: SpectrumRow) {
  const F = image.spectrumColumnCount(size);
  const start = Math.floor((size - rows) / 2);
  const window = { origin: [start, start], size: [rows, rows] } as const;
  const p = randomArray(`${name} p`, [N, 3, size, F, 2]);
  const z = randomArray(`${name} z`, [N, 3, rows, F, 2]);
  const dz = randomArray(`${name} dz`, z.shape);
  const dy = randomArray(`${name} dy`, [N, 3, rows, rows]);
  const scale = image.frequencyScale(size, size);
  const values = [
    image.spectrumColumns(last(p), scale, window),
    image.spectrumColumnsBackwardP(last(dz), last(p), scale, window),
    image.spectrumRows(last(z), size, size, window),
    image.spectrumRowsBackwardZ(last(dy), last(z), size, size, window),
  ];
  const expected = values.map(({ data }) => ({
    indices: Array.from(data, (_, i) => (N - 1) * data.length + i),
    values: data,
  }));
  return { start, arrays: { p, z, dz, dy }, expected };
}

function spectrum(gpu: Gpu, row: SpectrumRow): KernelGroup {
  const { name, N, size, rows } = row;
  const { start, arrays, expected } = spectrumData(row);
  const { scale, turns, lanes } = createSpectrumTables(gpu, size);
  const starts = { type: 'u32' as const, data: new Array<number>(2 * N).fill(start) };
  const origins = createTensor(gpu, 'origins', [1, N, 2], starts);
  const clock = createTensor(gpu, 'clock', [1], { type: 'u32' });
  const tensors = upload(gpu, arrays);
  const { p, z, dz, dy } = tensors;
  p.differentiable = z.differentiable = true;
  const [first, second] = [new Tape(), new Tape()];
  const columns = first.apply(spectrumColumns, { p, scale, turns, origins, clock }, { rows, lanes });
  const frame = [size, size] as const;
  const across = second.apply(spectrumRows, { z, turns, origins, clock }, { frame, columns: rows, lanes });
  const passes = [...passesOf(gpu, first, columns, dz, p), ...passesOf(gpu, second, across, dy, z)];
  const names = ['columns', 'columns backward', 'rows', 'rows backward'];
  const cases = passes.map((pass, i) => {
    const { shape } = pass.result;
    return { name: `${name}, ${names[i]}`, shape, bound: BOUND, expected: expected[i], ...pass };
  });
  const results = passes.map(({ result }) => result);
  return { cases, tensors: [...Object.values(tensors), ...results, origins, clock, scale, turns] };
}

/** The last sample of a batch, as a batch of one. */
function last({ shape: [N, ...rest], data }: Array64): Array64 {
  const count = elements(rest);
  return { shape: [1, ...rest], data: data.slice((N - 1) * count, N * count) };
}

function adamCase(gpu: Gpu, { name, N, size }: (typeof adams)[number]): KernelGroup {
  const shape = [N, 3, size, image.spectrumColumnCount(size), 2];
  const [p, g] = [randomArray(`${name} p`, shape), randomArray(`${name} g`, shape)];
  const [m, v] = [zeros(...shape), zeros(...shape)];
  const tensors = {
    ...upload(gpu, { p, m, v, g }),
    rates: createTensor(gpu, 'rates', [1, 2], { data: adamRates(0.05, 1) }),
    clock: createTensor(gpu, 'clock', [1], { type: 'u32' }),
  } as Record<string, Tensor>;
  adamReference(p, m, v, g, 0.05, 1);
  const { source, pass, constants } = adam(shape);
  const dispatch = { label: name, source, pass, constants, operands: tensors };
  const result = { name, shape, dispatch, result: tensors.p, bound: 1e-6, expected: { values: p.data } };
  return { cases: [result], tensors: Object.values(tensors) };
}
