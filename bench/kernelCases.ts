// The kernel cases of cases.json by name: convolutions (convolutionCases.ts), the inverse DFT of a spectrum, Adam.

import type { Gpu } from '../src/engine/device.ts';
import { gradientOf, Tape } from '../src/engine/tape.ts';
import { createTensor, type Tensor } from '../src/engine/tensor.ts';
import * as image from '../src/kernels/imageReference.ts';
import { elements } from '../src/kernels/op.ts';
import { isPacked } from '../src/kernels/pack.ts';
import { ADAM, type Array64, adam as adamReference, zeros } from '../src/kernels/reference.ts';
import { spectrumColumns } from '../src/kernels/spectrumColumns.ts';
import { spectrumRows } from '../src/kernels/spectrumRows.ts';
import { adam, adamRates } from '../src/kernels/update.ts';
import {
  createSpectrumTables,
  layoutOfSpectra,
  recordAscent,
  recordFold,
  recordWindow,
  type SpectrumTables,
} from '../src/visualization/parametrization.ts';
import { randomArray } from '../test/support/arrays.ts';
import document from './cases.json';
import { convolution, packed, packedIndex } from './convolutionCases.ts';
import { BOUND, type KernelCase, type KernelGroup, passesOf, upload } from './kernelCase.ts';

const { convolutions, spectra, adam: adams } = document.kernels;

type Made = (gpu: Gpu) => KernelGroup;

/** Groups by name; nothing is computed before one is made. */
export const kernelGroups = (): { name: string; make: Made }[] => [
  ...convolutions.map((row) => ({ name: row.name, make: (gpu: Gpu) => convolution(gpu, row) })),
  ...spectra.map((row) => ({ name: row.name, make: (gpu: Gpu) => spectrum(gpu, row) })),
  ...adams.map((row) => ({ name: row.name, make: (gpu: Gpu) => adamCase(gpu, row) })),
];

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
  const tables = createSpectrumTables(gpu, size);
  const { turns } = tables;
  const scales = image.frequencyScale(size, size);
  const scale = createTensor(gpu, 'scale', scales.shape, { data: scales.data });
  const starts = { type: 'u32' as const, data: new Array<number>(2 * N).fill(start) };
  const origins = createTensor(gpu, 'origins', [1, N, 2], starts);
  const clock = createTensor(gpu, 'clock', [1], { type: 'u32' });
  const tensors = upload(gpu, arrays);
  const { p, z, dz, dy } = tensors;
  p.differentiable = z.differentiable = true;
  const [first, second] = [new Tape(), new Tape()];
  const columns = first.apply(spectrumColumns, { p, scale, turns, origins, clock }, { rows });
  const frame = [size, size] as const;
  const across = second.apply(spectrumRows, { z, turns, origins, clock }, { frame, columns: rows });
  const passes = [...passesOf(gpu, first, columns, dz, p), ...passesOf(gpu, second, across, dy, z)];
  const names = ['plain columns', 'plain columns backward', 'plain rows', 'plain rows backward'];
  const cases = passes.map((pass, i): KernelCase => {
    const { shape } = pass.result;
    return { name: `${name}, ${names[i]}`, shape, bound: BOUND, expected: expected[i], ...pass };
  });
  const flops = cases[0].dispatches[0].pass.flops + cases[2].dispatches[0].pass.flops;
  const whole = imageCases(gpu, row, arrays, flops, tables, { origins, clock });
  const all = [...cases, ...whole.cases];
  const results = all.map(({ result }) => result);
  return {
    cases: all,
    tensors: [
      ...Object.values(tensors),
      ...whole.tensors,
      ...results,
      ...[origins, clock, scale, turns, tables.scale],
      ...(tables.simd ? [tables.simd.pairs] : []),
    ],
  };
}

/**
 * From the spectrum to the window of the image, colours included, and from there back to a step of Adam, by the kernels
 * that the adapter gets. Of the step the first moment is compared, which is the gradient but for a factor. Two transforms
 * one after the other: twice the bound of one.
 */
function imageCases(
  gpu: Gpu,
  { name, N, size, rows }: SpectrumRow,
  arrays: { p: Array64; dy: Array64 },
  flops: number,
  tables: SpectrumTables,
  places: { origins: Tensor; clock: Tensor },
): KernelGroup {
  const tape = new Tape();
  const layout = layoutOfSpectra(tables);
  const stored = (p: Array64): Array64 => ({
    shape: [...layout.shape(p.shape[0])],
    data: layout.store(p.data),
  });
  const spectrum = stored(arrays.p);
  const nothing = zeros(...spectrum.shape);
  const { p, m, v } = upload(gpu, { p: spectrum, m: nothing, v: nothing });
  const rates = createTensor(gpu, 'rates', [1, 2], { data: adamRates(0.05, 1) });
  const traced = {
    objective: createTensor(gpu, 'objective', [N]),
    trace: createTensor(gpu, 'trace', [1, N, 2]),
  };
  const place = { rows, ...places };
  const folded = recordFold(tape, p, tables, place);
  folded.differentiable = true;
  const y = recordWindow(tape, folded, tables, place);
  const forward = tape.dispatches.length;
  const inTexels = isPacked(y);
  const dy = createTensor(gpu, 'dy', y.shape, { data: (inTexels ? packed(arrays.dy) : arrays.dy).data });
  const start = Math.floor((size - rows) / 2);
  const window = { origin: [start, start], size: [rows, rows] } as const;
  const scale = image.frequencyScale(size, size);
  const z = image.spectrumColumns(last(arrays.p), scale, window);
  const rgb = image.colour(image.spectrumRows(z, size, size, window));
  const raw = image.colourBackwardX(last(arrays.dy), rgb);
  const dz = image.spectrumRowsBackwardZ(raw, z, size, size, window);
  const dp = image.spectrumColumnsBackwardP(dz, last(arrays.p), scale, window);
  const g = gradientOf(tape.backward(y, dy), folded);
  recordAscent(tape, { spectrum: p, moments: [m, v], rates }, g, tables, place, traced);
  y.buffer = createTensor(gpu, 'image', y.shape).buffer;
  const lastOnes = (data: ArrayLike<number>) => Array.from(data, (_, j) => (N - 1) * data.length + j);
  const indices = lastOnes(rgb.data).map((at) => (inTexels ? packedIndex(arrays.dy.shape, at) : at));
  const moment = stored(dp).data.map((value) => (1 - ADAM.beta1) * value);
  const common = { tape, bound: 2 * BOUND, flops };
  const cases: KernelCase[] = [
    {
      ...common,
      name: `${name}, image`,
      shape: arrays.dy.shape,
      dispatches: tape.dispatches.slice(0, forward),
      result: y,
      expected: { indices, values: rgb.data },
    },
    {
      ...common,
      name: `${name}, image backward, Adam`,
      shape: m.shape,
      dispatches: tape.dispatches.slice(forward),
      result: m,
      expected: { indices: lastOnes(moment), values: moment },
    },
  ];
  return { cases, tensors: [dy, p, m, v, rates, y, ...Object.values(traced)] };
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
  // p, m and v are read and written, g is read
  const bytes = 7 * tensors.p.bytes;
  const result = {
    name,
    shape,
    dispatches: [dispatch],
    result: tensors.p,
    bound: 1e-6,
    bytes,
    expected: { values: p.data },
  };
  return { cases: [result], tensors: Object.values(tensors) };
}
