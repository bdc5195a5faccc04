// The parametrisation: an image is the inverse DFT of a spectrum, in decorrelated colours (Lucid's and Lucent's
// image parameterisation). Gradient ascent moves the spectrum. Sizes, scale and constants: kernels/imageReference.ts.
//
//   spectrum [N,3,H,F,2] -> (fold) -> columns -> rows -> colour -> image [N,3,H,W] in (0,1)

import type { Gpu } from '../engine/device.ts';
import { Plan, submit } from '../engine/plan.ts';
import { normals, PURPOSE } from '../engine/random.ts';
import { Tape } from '../engine/tape.ts';
import { createTogether, destroy, read, Tensor } from '../engine/tensor.ts';
import { colour, packedColour } from '../kernels/colour.ts';
import { frequencyScale, spectrumColumnCount } from '../kernels/imageReference.ts';
import type { Shape } from '../kernels/op.ts';
import { isPacked, unpack } from '../kernels/pack.ts';
import { spectrumColumns } from '../kernels/spectrumColumns.ts';
import { type Floats, recordsOf, recordsShape, scaleTexels, spectraOf } from '../kernels/spectrumRecords.ts';
import { spectrumRows } from '../kernels/spectrumRows.ts';
import { adam, trace, traceOfSquares } from '../kernels/update.ts';
import {
  ascendSpectrum,
  foldSpectrum,
  turnPairsShape,
  type WindowSpectrumSettings,
  windowColumns,
  windowRows,
} from '../kernels/windowSpectrum.ts';

/** Standard deviation of the first spectrum: the picture starts as a flat grey, 0.5 give or take 0.003. */
export const INITIAL_DEVIATION = 0.01;

/** How the GPU keeps spectra [N,3,size,F,2]: as they are, or as records where a subgroup is a SIMD vector. */
export interface SpectrumLayout {
  shape(samples: number): Shape;
  /** of spectra one after the other */
  store<T extends Floats>(spectra: T): T;
  load<T extends Floats>(stored: T): T;
}

export function layoutOfSpectra({ size, simd }: Pick<SpectrumTables, 'size' | 'simd'>): SpectrumLayout {
  const F = spectrumColumnCount(size);
  const same = <T extends Floats>(spectra: T) => spectra;
  if (!simd) return { shape: (samples) => [samples, 3, size, F, 2], store: same, load: same };
  return {
    shape: (samples) => recordsShape([samples, 3, size, F]),
    store: (spectra) => recordsOf(spectra, size, F),
    load: (stored) => spectraOf(stored, size, F),
  };
}

/** The first spectrum of a unit: normal deviates [3,size,F,2] of its own stream. */
export const initialSpectrum = (seed: number, stream: number, size: number): Float32Array =>
  normals(
    { seed, stream, purpose: PURPOSE.spectrum },
    6 * size * spectrumColumnCount(size),
    INITIAL_DEVIATION,
  );

/**
 * Tables the inverse DFT reads: frequency scale [H,F], or where a subgroup is a SIMD vector its scaleTexels, and
 * e^{i tau k / size} [size,2]; from float64.
 */
export interface SpectrumTables {
  size: number;
  scale: Tensor;
  turns: Tensor;
  /** where a subgroup is a SIMD vector: its invocations, and the turns of products of two numbers (turnPairsShape) */
  simd?: { lanes: number; pairs: Tensor };
}

/** Cosine and sine of tau k / n; exact where they are 0, so that what cannot matter gets a gradient of exactly 0. */
function turn(k: number, n: number): [number, number] {
  const angle = (2 * Math.PI * k) / n;
  return [
    (4 * k) % n === 0 && (2 * k) % n !== 0 ? 0 : Math.cos(angle),
    (2 * k) % n === 0 ? 0 : Math.sin(angle),
  ];
}

/** Turns of 2i k and (2i+1) k for every i and k, n by n: see turnPairsShape. */
export const turnPairs = (n: number): Float32Array => {
  const turns = Array.from({ length: n }, (_, k) => turn(k, n));
  const even = Array.from({ length: Math.ceil(n / 2) }, (_, i) => 2 * i);
  return Float32Array.from(
    even.flatMap((i) => turns.flatMap((_, k) => [...turns[(i * k) % n], ...turns[((i + 1) * k) % n]])),
  );
};

export function createSpectrumTables(gpu: Gpu, size: number): SpectrumTables {
  const turns = Array.from({ length: size }, (_, k) => turn(k, size)).flat();
  const { shape, data } = frequencyScale(size, size);
  const { simdLanes: lanes } = gpu;
  const texels = lanes ? scaleTexels(data, size, shape[1]) : undefined;
  return createTogether(gpu, (create, texture) => ({
    size,
    scale: texels
      ? texture('frequency scale', texels.shape, texels.data)
      : create('frequency scale', shape, { data }),
    turns: create('turns', [size, 2], { data: turns }),
    ...(lanes && {
      simd: { lanes, pairs: texture('pairs of turns', turnPairsShape(size), turnPairs(size)) },
    }),
  }));
}

export const destroySpectrumTables = (gpu: Gpu, { scale, turns, simd }: SpectrumTables): void =>
  destroy(gpu, scale, turns, ...(simd ? [simd.pairs] : []));

/** Where windows of `rows` x `rows` pixels start, by step: `origins` [steps,N,2] at `clock`. */
export interface WindowPlace {
  rows: number;
  origins: Tensor;
  clock: Tensor;
}

const windowSettings = ({ size, simd }: SpectrumTables, { rows }: WindowPlace): WindowSpectrumSettings => ({
  frame: [size, size],
  window: [rows, rows],
  lanes: simd!.lanes,
});

/** Records what the window is made of: on SIMD adapters the folded spectrum, else the spectrum itself. */
export function recordFold(tape: Tape, spectrum: Tensor, tables: SpectrumTables, place: WindowPlace): Tensor {
  if (!tables.simd) return spectrum;
  const { scale, turns } = tables;
  const { origins, clock } = place;
  const inputs = { p: spectrum, scale, turns, origins, clock };
  return tape.apply(foldSpectrum, inputs, windowSettings(tables, place));
}

/** Records the window of what recordFold made; returns [N,3,rows,rows], packed on SIMD adapters. */
export function recordWindow(tape: Tape, folded: Tensor, tables: SpectrumTables, place: WindowPlace): Tensor {
  const { size, scale, turns, simd } = tables;
  const { rows, origins, clock } = place;
  if (simd) {
    const { pairs } = simd;
    const settings = windowSettings(tables, place);
    const z = tape.apply(windowColumns, { p: folded, pairs, across: turns, origins, clock }, settings);
    const raw = tape.apply(windowRows, { z, pairs, across: turns, origins, clock }, settings);
    return tape.apply(packedColour, { x: raw });
  }
  const z = tape.apply(spectrumColumns, { p: folded, scale, turns, origins, clock }, { rows });
  const raw = tape.apply(spectrumRows, { z, turns, origins, clock }, { frame: [size, size], columns: rows });
  return tape.apply(colour, { x: raw });
}

/** Both. */
export const recordImage = (
  tape: Tape,
  spectrum: Tensor,
  tables: SpectrumTables,
  place: WindowPlace,
): Tensor => recordWindow(tape, recordFold(tape, spectrum, tables, place), tables, place);

/** What an ascent moves, and the rates of its steps. */
export interface Ascended {
  spectrum: Tensor;
  moments: readonly [Tensor, Tensor];
  rates: Tensor;
}

/**
 * Records Adam's step by `g`, the gradient of what recordFold made, and the trace of it: objective [N] and norm of the
 * gradient by the spectrum.
 */
export function recordAscent(
  tape: Tape,
  { spectrum, moments: [m, v], rates }: Ascended,
  g: Tensor,
  tables: SpectrumTables,
  place: WindowPlace,
  traced: { objective: Tensor; trace: Tensor },
): void {
  const { scale, turns } = tables;
  const { origins, clock } = place;
  const moved = { p: spectrum, m, v, rates, clock };
  if (!tables.simd) {
    tape.update(adam(spectrum.shape), { ...moved, g });
    tape.update(trace(spectrum.shape), { ...traced, g, clock });
    return;
  }
  const { squares: shape, ...update } = ascendSpectrum(spectrum.shape, windowSettings(tables, place));
  const squares = new Tensor('squares', shape);
  tape.update(update, { ...moved, dy: g, scale, turns, origins, squares });
  tape.update(traceOfSquares(shape), { ...traced, g: squares, clock });
}

/** An image as [N,3,rows,rows], whatever recordImage made. */
export const planarImage = (tape: Tape, image: Tensor): Tensor =>
  isPacked(image) ? tape.apply(unpack, { x: image }, { channels: 3 }) : image;

/** The whole pictures [N,3,size,size] of spectra on the GPU, in (0,1). */
export async function renderImages(
  gpu: Gpu,
  spectrum: Tensor,
  tables: SpectrumTables,
): Promise<Float32Array> {
  const tape = new Tape();
  const { origins, clock } = createTogether(gpu, (create) => ({
    origins: create('origins', [1, spectrum.shape[0], 2], { type: 'u32' }),
    clock: create('clock', [1], { type: 'u32' }),
  }));
  const recorded = recordImage(tape, spectrum, tables, { rows: tables.size, origins, clock });
  const image = tape.keep(planarImage(tape, recorded));
  let plan: Plan | undefined;
  try {
    plan = await Plan.compile(gpu, tape);
    submit(gpu, [plan]);
    return await read(gpu, image);
  } finally {
    plan?.destroy();
    destroy(gpu, origins, clock);
  }
}
