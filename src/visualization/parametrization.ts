// The parametrisation: an image is the inverse DFT of a spectrum, in decorrelated colours (Lucid's and Lucent's
// image parameterisation). Gradient ascent moves the spectrum. Sizes, scale and constants: kernels/imageReference.ts.
//
//   spectrum [N,3,H,F,2] -> columns -> rows -> colour -> image [N,3,H,W] in (0,1)

import type { Gpu } from '../engine/device.ts';
import { Plan, submit } from '../engine/plan.ts';
import { normals, PURPOSE } from '../engine/random.ts';
import { Tape } from '../engine/tape.ts';
import { createTogether, destroy, read, type Tensor } from '../engine/tensor.ts';
import { colour, packedColour } from '../kernels/colour.ts';
import { frequencyScale, spectrumColumnCount } from '../kernels/imageReference.ts';
import { isPacked, unpack } from '../kernels/pack.ts';
import { spectrumColumns } from '../kernels/spectrumColumns.ts';
import { spectrumRows } from '../kernels/spectrumRows.ts';
import { foldSpectrum, turnPairsShape, windowColumns, windowRows } from '../kernels/windowSpectrum.ts';

/** Standard deviation of the first spectrum: the picture starts as a flat grey, 0.5 give or take 0.003. */
export const INITIAL_DEVIATION = 0.01;

export const spectrumShape = (samples: number, size: number): number[] => [
  samples,
  3,
  size,
  spectrumColumnCount(size),
  2,
];

/** The first spectrum of a unit: normal deviates [3,size,F,2] of its own stream. */
export const initialSpectrum = (seed: number, stream: number, size: number): Float32Array =>
  normals(
    { seed, stream, purpose: PURPOSE.spectrum },
    6 * size * spectrumColumnCount(size),
    INITIAL_DEVIATION,
  );

/** Tables the inverse DFT reads: frequency scale [H,F] and e^{i tau k / size} [size,2], from float64. */
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
  return createTogether(gpu, (create, texture) => ({
    size,
    scale: create('frequency scale', shape, { data }),
    turns: create('turns', [size, 2], { data: turns }),
    ...(lanes && {
      simd: { lanes, pairs: texture('pairs of turns', turnPairsShape(size), turnPairs(size)) },
    }),
  }));
}

export const destroySpectrumTables = (gpu: Gpu, { scale, turns, simd }: SpectrumTables): void =>
  destroy(gpu, scale, turns, ...(simd ? [simd.pairs] : []));

/** Records the window of `rows` x `rows` pixels that starts at `origins` [steps,N,2]; returns [N,3,rows,rows], packed on SIMD adapters. */
export function recordImage(
  tape: Tape,
  spectrum: Tensor,
  { size, scale, turns, simd }: SpectrumTables,
  rows: number,
  { origins, clock }: { origins: Tensor; clock: Tensor },
): Tensor {
  const tables = { turns, origins, clock };
  const frame = [size, size] as const;
  if (simd) {
    const { lanes, pairs } = simd;
    const settings = { frame, window: [rows, rows], lanes } as const;
    const q = tape.apply(foldSpectrum, { p: spectrum, scale, ...tables }, settings);
    const z = tape.apply(windowColumns, { p: q, pairs, across: turns, origins, clock }, settings);
    const raw = tape.apply(windowRows, { z, pairs, across: turns, origins, clock }, settings);
    return tape.apply(packedColour, { x: raw });
  }
  const z = tape.apply(spectrumColumns, { p: spectrum, scale, ...tables }, { rows });
  const raw = tape.apply(spectrumRows, { z, ...tables }, { frame, columns: rows });
  return tape.apply(colour, { x: raw });
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
  const recorded = recordImage(tape, spectrum, tables, tables.size, { origins, clock });
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
