// The ops of the image as cases for checkOp. Their tables have one row per step and sample, so each case runs
// several steps of the clock with other origins, placements or maps in every one of them.

import type { Tape } from '../../src/engine/tape.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { colour, packedColour } from '../../src/kernels/colour.ts';
import * as I from '../../src/kernels/imageReference.ts';
import { normalize } from '../../src/kernels/normalize.ts';
import type { Op } from '../../src/kernels/op.ts';
import { unpack } from '../../src/kernels/pack.ts';
import { packedPad, pad } from '../../src/kernels/pad.ts';
import { type Array64, zeros } from '../../src/kernels/reference.ts';
import { spectrumColumns } from '../../src/kernels/spectrumColumns.ts';
import { recordsOf, recordsShape, scaleTexels } from '../../src/kernels/spectrumRecords.ts';
import { spectrumRows } from '../../src/kernels/spectrumRows.ts';
import { candidatesOf, packedWarp, WARP_FIELDS, warp } from '../../src/kernels/warp.ts';
import { foldSpectrum, turnPairsShape, windowColumns, windowRows } from '../../src/kernels/windowSpectrum.ts';
import { between, filled, generator, randomArray } from './arrays.ts';
import { type Pair, packOnce, type Quad } from './opCases.ts';
import type { OpCase } from './opCheck.ts';

const show = (shape: readonly number[]) => shape.join('x');

/** Sample n of a batch, as a batch of one. */
function sample({ shape, data }: Array64, n: number): Array64 {
  const size = data.length / shape[0];
  return { shape: [1, ...shape.slice(1)], data: data.subarray(n * size, (n + 1) * size) };
}

/** The reference knows one placement per call; here every sample has its own. */
function perSample(N: number, f: (n: number) => Array64): Float64Array {
  const parts = Array.from({ length: N }, (_, n) => f(n).data);
  const joined = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** cos and sin of tau k / n, [n,2]. */
const turnsOf = (n: number) =>
  filled([n, 2], (i) => (i % 2 ? Math.sin : Math.cos)((2 * Math.PI * Math.floor(i / 2)) / n));

/** The same for products of two numbers, as windowSpectrum.ts reads them: texel (i,k) has 2i k and (2i+1) k. */
const turnPairsOf = (n: number) =>
  filled(turnPairsShape(n), (at) => {
    const [i, k, j] = [Math.floor(at / (4 * n)), Math.floor(at / 4) % n, at % 4];
    return (j % 2 ? Math.sin : Math.cos)((2 * Math.PI * (((2 * i + Math.floor(j / 2)) * k) % n)) / n);
  });

/** Origins of a window of `size` in the frame, u32 [steps,N,2]. */
function randomOrigins(name: string, steps: number, N: number, [H, W]: Pair, size: Pair) {
  const next = generator(name);
  const data = Array.from({ length: steps * N }, () => [
    between(next, 0, H - size[0]),
    between(next, 0, W - size[1]),
  ]).flat();
  const window = (step: number, n: number): I.Window => {
    const at = 2 * (step * N + n);
    return { origin: [data[at], data[at + 1]], size };
  };
  return { table: { shape: [steps, N, 2], type: 'u32' as const, data }, window };
}

/** Window of `size` of an H x W picture, N samples of C channels. */
export function columnsCase([N, C]: Pair, [H, W]: Pair, size: Pair = [H, W], steps = 1): OpCase {
  const name = `spectrumColumns ${N}x${C} of ${H}x${W}, window ${show(size)}, ${steps} steps`;
  const p = randomArray(name, [N, C, H, I.spectrumColumnCount(W), 2]);
  const scale = I.frequencyScale(H, W);
  const { table: origins, window } = randomOrigins(name, steps, N, [H, W], size);
  return {
    name,
    inputs: { p },
    tables: { scale, turns: turnsOf(H), origins },
    steps,
    record: (tape, { p, scale, turns, origins, clock }) =>
      tape.apply(spectrumColumns, { p, scale, turns, origins, clock }, { rows: size[0] }),
    forward: (step) => perSample(N, (n) => I.spectrumColumns(sample(p, n), scale, window(step, n))),
    backward: (dy, step) => ({
      p: perSample(N, (n) => I.spectrumColumnsBackwardP(sample(dy, n), sample(p, n), scale, window(step, n))),
    }),
  };
}

export function rowsCase([N, C]: Pair, [H, W]: Pair, size: Pair = [H, W], steps = 1): OpCase {
  const name = `spectrumRows ${N}x${C} of ${H}x${W}, window ${show(size)}, ${steps} steps`;
  const z = randomArray(name, [N, C, size[0], I.spectrumColumnCount(W), 2]);
  const { table: origins, window } = randomOrigins(name, steps, N, [H, W], size);
  return {
    name,
    inputs: { z },
    tables: { turns: turnsOf(W), origins },
    steps,
    record: (tape, { z, turns, origins, clock }) =>
      tape.apply(spectrumRows, { z, turns, origins, clock }, { frame: [H, W], columns: size[1] }),
    forward: (step) => perSample(N, (n) => I.spectrumRows(sample(z, n), H, W, window(step, n))),
    backward: (dy, step) => ({
      z: perSample(N, (n) => I.spectrumRowsBackwardZ(sample(dy, n), sample(z, n), H, W, window(step, n))),
    }),
  };
}

/** The whole inverse transform, and its gradient: both halves in turn, or with `lanes` the kernels for SIMD adapters. */
export function spectrumCase(
  [N, C]: Pair,
  [H, W]: Pair,
  size: Pair = [H, W],
  steps = 1,
  lanes?: number,
): OpCase {
  const name = `spectrum ${N}x${C} of ${H}x${W}, window ${show(size)}, ${steps} steps${lanes ? ', SIMD' : ''}`;
  const p = randomArray(name, [N, C, H, I.spectrumColumnCount(W), 2]);
  const scale = I.frequencyScale(H, W);
  const { table: origins, window } = randomOrigins(name, steps, N, [H, W], size);
  const half = zeros(1, C, size[0], I.spectrumColumnCount(W), 2);
  const raw = (p: Array64, at: I.Window) => I.spectrumRows(I.spectrumColumns(p, scale, at), H, W, at);
  const back = (d: Array64, p: Array64, at: I.Window) =>
    I.spectrumColumnsBackwardP(I.spectrumRowsBackwardZ(d, half, H, W, at), p, scale, at);
  const F = I.spectrumColumnCount(W);
  const stored = (given: Array64): Array64 =>
    lanes ? { shape: recordsShape(given.shape), data: recordsOf(given.data, H, F) } : given;
  const texels = scaleTexels(scale.data, H, F);
  return {
    name,
    inputs: { p: stored(p) },
    tables: {
      scale: lanes ? { shape: texels.shape, data: texels.data } : scale,
      vertical: turnsOf(H),
      horizontal: turnsOf(W),
      down: turnPairsOf(H),
      across: turnPairsOf(W),
      origins,
    },
    steps,
    record(tape, { p, scale, vertical, horizontal, down, across, origins, clock }) {
      const tables = { turns: vertical, origins, clock };
      const frame = [H, W] as const;
      if (lanes) {
        const settings = { frame, window: size, lanes };
        const q = tape.apply(foldSpectrum, { p, scale, ...tables }, settings);
        const z = tape.apply(
          windowColumns,
          { p: q, pairs: down, across: horizontal, origins, clock },
          settings,
        );
        return tape.apply(windowRows, { z, pairs: across, across: horizontal, origins, clock }, settings);
      }
      const z = tape.apply(spectrumColumns, { p, scale, ...tables }, { rows: size[0] });
      return tape.apply(spectrumRows, { z, turns: horizontal, origins, clock }, { frame, columns: size[1] });
    },
    forward: (step) => perSample(N, (n) => raw(sample(p, n), window(step, n))),
    backward: (dy, step) => {
      const gradient = perSample(N, (n) => back(sample(dy, n), sample(p, n), window(step, n)));
      return { p: stored({ shape: p.shape, data: gradient }).data };
    },
  };
}

/** `placements`: per step and sample, where x and where y start in the frame. */
export function padCase(shape: Quad, frame: Pair, size: Pair, placements: Quad[], steps = 1): OpCase {
  const [N] = shape;
  const name = `pad ${show(shape)} of ${show(frame)} to ${show(size)}, at ${placements.map(String).join(' ')}`;
  const x = randomArray(name, shape);
  const settings = (step: number, n: number): I.PadSettings => {
    const [sourceRow, sourceColumn, row, column] = placements[(step * N + n) % placements.length];
    return { frame, source: [sourceRow, sourceColumn], target: { origin: [row, column], size } };
  };
  const data = Array.from({ length: steps * N }, (_, i) => placements[i % placements.length]).flat();
  return {
    name,
    inputs: { x },
    tables: { placements: { shape: [steps, N, 4], type: 'i32', data } },
    steps,
    record: (tape, { x, placements, clock }) => tape.apply(pad, { x, placements, clock }, { frame, size }),
    forward: (step) => perSample(N, (n) => I.pad(sample(x, n), settings(step, n))),
    backward: (dy, step) => ({
      x: perSample(N, (n) => I.padBackwardX(sample(dy, n), sample(x, n), settings(step, n))),
    }),
    bounds: { forward: 0, backward: 1e-6 }, // up to nine mirror images meet in a pixel
  };
}

/** `maps`: per step and sample. */
export function warpCase(
  shape: Quad,
  size: Pair,
  label: string,
  maps: I.Warp[],
  steps = 1,
  bounds = {},
): OpCase {
  const [N] = shape;
  const name = `warp ${show(shape)} to ${show(size)}, ${label}`;
  const x = randomArray(name, shape);
  const map = (step: number, n: number) => maps[(step * N + n) % maps.length];
  const data = Array.from({ length: steps * N }, (_, i) =>
    WARP_FIELDS.map((field) => maps[i % maps.length][field]),
  ).flat();
  return {
    name,
    inputs: { x },
    tables: { maps: { shape: [steps, N, WARP_FIELDS.length], data } },
    steps,
    record: (tape, { x, maps: table, clock }) =>
      tape.apply(warp, { x, maps: table, clock }, { size, candidates: Math.max(...maps.map(candidatesOf)) }),
    forward: (step) => perSample(N, (n) => I.warp(sample(x, n), size, map(step, n))),
    backward: (dy, step) => ({
      x: perSample(N, (n) => I.warpBackwardX(sample(dy, n), sample(x, n), map(step, n))),
    }),
    bounds,
  };
}

/** A packed resampling of three channels that normalises. */
export function normalizedWarpCase(shape: Quad, size: Pair, maps: I.Warp[]): OpCase {
  const resampled = warpCase(shape, size, 'normalised', maps);
  const quad = [shape[0], 3, ...size];
  return {
    ...resampled,
    record: (tape, { x, maps: table, clock }) => {
      const packed = { x: packOnce(tape, x), maps: table, clock };
      const y = tape.apply(packedWarp, packed, { size, normalized: true });
      return tape.apply(unpack, { x: y }, { channels: 3 });
    },
    forward: (step) => I.normalize({ shape: quad, data: resampled.forward(step) as Float64Array }).data,
    backward: (dy, step) => resampled.backward(I.normalizeBackwardX(dy), step),
    bounds: { forward: 5e-6, backward: 5e-6 },
  };
}

export function colourCase(shape: Quad): OpCase {
  const name = `colour ${show(shape)}`;
  const x = randomArray(name, shape);
  return {
    name,
    inputs: { x },
    record: (tape, { x }) => tape.apply(colour, { x }),
    forward: () => I.colour(x).data,
    backward: (dy) => ({ x: I.colourBackwardX(dy, I.colour(x)).data }),
    bounds: { forward: 4e-6 }, // exp may err by 2e-6 of a result below 1, whose rms is about a half
  };
}

export function normalizeCase(shape: Quad): OpCase {
  const name = `normalize ${show(shape)}`;
  const x = randomArray(name, shape);
  return {
    name,
    inputs: { x },
    record: (tape, { x }) => tape.apply(normalize, { x }),
    forward: () => I.normalize(x).data,
    backward: (dy) => ({ x: I.normalizeBackwardX(dy).data }),
    bounds: { forward: 5e-6, backward: 5e-6 },
  };
}

/** The ops of packed images, and the planar ones they stand for. */
const PACKED = new Map<Op<never>, Op<never>>([
  [warp, packedWarp],
  [pad, packedPad],
] as unknown as [Op<never>, Op<never>][]);

/** A case of one to four channels, with its image packed before the op and unpacked after it. */
export function packedImageCase(given: OpCase): OpCase {
  const channels = given.inputs.x.shape[1];
  const apply =
    (tape: Tape) =>
    (op: Op<never>, { x, ...tables }: Record<string, Tensor>, settings: never) => {
      if (op === (colour as unknown))
        return tape.apply(unpack, { x: tape.apply(packedColour, { x }) }, { channels });
      const y = tape.apply(PACKED.get(op)!, { x: packOnce(tape, x), ...tables }, settings);
      return tape.apply(unpack, { x: y }, { channels });
    };
  return {
    ...given,
    name: `${given.name}, packed`,
    record: (tape, inputs) => given.record({ apply: apply(tape) } as unknown as Tape, inputs),
  };
}
