// fusedConv and gemmConv as cases for checkOp, compared with what they fuse: relu, conv2d, batchNorm and add, one after
// the other in float64. The shapes are in fusedShapes.ts.

import type { Tape } from '../../src/engine/tape.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { type FusedConvSettings, fusedConv } from '../../src/kernels/fusedConv.ts';
import { type FoldableNorm, packConvolution } from '../../src/kernels/fusedWeights.ts';
import { gemmConv } from '../../src/kernels/gemmConv.ts';
import type { Product, Tiling } from '../../src/kernels/gemmTiling.ts';
import { gradientMatrix, packForGemm, weightMatrix } from '../../src/kernels/gemmWeights.ts';
import { unpack } from '../../src/kernels/pack.ts';
import * as R from '../../src/kernels/reference.ts';
import { weightsAtPoints } from '../../src/kernels/simdWinograd.ts';
import { BATCH_NORM } from '../../src/model/parameters.ts';
import { randomArray, randomIntegers } from './arrays.ts';
import { type Pair, packOnce, type Quad } from './opCases.ts';
import type { OpCase } from './opCheck.ts';
import { sampledConv2d, sampledConv2dBackwardX, sampleOf } from './sampledConv.ts';

export interface FusedShape {
  x: Quad;
  /** K, rows, columns */
  filter: readonly [number, number, number];
  stride?: number;
  pad?: number | Quad;
  rectify?: boolean;
  bypass?: { size?: Pair; offset?: Pair; rectify?: boolean };
  /** small whole numbers, so that many are exactly 0 */
  zeros?: boolean;
}

const show = (shape: readonly number[]) => shape.join('x');

/** Above this many products only a sample of the outputs is computed in float64. */
const FULL_REFERENCE = 3e6;
const SAMPLE = 500;

/** A batch norm with weights of both signs. */
function randomNorm(name: string, K: number): R.BatchNormParameters {
  const channel = (label: string, mean: number) => randomArray(`${name} ${label}`, [K], mean).data;
  return {
    gamma: channel('gamma', 0),
    beta: channel('beta', 0),
    mean: channel('mean', 0),
    variance: channel('variance', 2),
    ...BATCH_NORM,
  };
}

/** `values` at these flat indices of an array that is 0 elsewhere. */
function scatter(shape: readonly number[], indices: readonly number[], values: ArrayLike<number>): R.Array64 {
  const array = R.zeros(...shape);
  indices.forEach((index, i) => {
    array.data[index] = values[i];
  });
  return array;
}

/** What a case is called. */
function nameOf(
  op: string,
  { x, filter: [K, rows, columns], stride, pad, rectify, bypass, zeros }: FusedShape,
): string {
  const parts = [`${op} ${show(x)} * ${show([K, x[1], rows, columns])}`];
  parts.push(`stride ${stride ?? 1}`, `pad ${pad ?? 0}`);
  if (rectify) parts.push('rectified');
  if (bypass) {
    const size = bypass.size ? ` of ${show(bypass.size)}` : '';
    parts.push(`${bypass.rectify ? 'rectified ' : ''}bypass${size} at ${bypass.offset ?? [0, 0]}`);
  }
  if (zeros) parts.push('zeros');
  return parts.join(', ');
}

export const fusedName = (shape: FusedShape): string => nameOf('fusedConv', shape);
export const gemmName = (shape: FusedShape): string => nameOf('gemmConv', shape);

/** A kernel that fuses these: its weights of a convolution and a batch norm, and how it is recorded. */
interface FusingKernel {
  op: string;
  tables(weights: R.Array64, stride: number, norm: FoldableNorm): NonNullable<OpCase['tables']>;
  record(
    tape: Tape,
    inputs: Record<string, Tensor>,
    settings: Omit<FusedConvSettings, 'lanes'>,
    channels: number,
  ): Tensor;
}

/** On packed tensors, with subgroups of `lanes`; where the filter allows both, by Winograd's way or not. */
export const fusedCase = (given: FusedShape, lanes: number, winograd = false): OpCase =>
  caseOf(given, {
    op: winograd ? 'winograd' : 'fusedConv',
    tables({ data, shape }, stride, norm) {
      const { w, v, bias } = packConvolution(data, shape, stride, norm);
      const tables = { w, v, bias: { shape: [bias.length], data: bias } };
      return winograd ? { ...tables, wPoints: weightsAtPoints(w), vPoints: weightsAtPoints(v) } : tables;
    },
    record(tape, { x, a, clock: _, ...tables }, settings, channels) {
      const inputs = { x: packOnce(tape, x), ...tables, ...(a && { a: packOnce(tape, a) }) };
      return tape.apply(unpack, { x: tape.apply(fusedConv, inputs, { ...settings, lanes }) }, { channels });
    },
  });

/** On planar tensors. */
export const gemmCase = (given: FusedShape, tiling: (product: Product) => Tiling): OpCase =>
  caseOf(given, {
    op: 'gemmConv',
    tables({ data, shape }, stride, norm) {
      const { w, v, bias } = packForGemm(data, shape, stride, norm);
      return {
        w: { shape: weightMatrix(shape), data: w },
        v: { shape: gradientMatrix(shape, stride), data: v },
        bias: { shape: [bias.length], data: bias },
      };
    },
    record: (tape, { x, w, v, bias, a }, settings) =>
      tape.apply(gemmConv, { x, w, v, bias, ...(a && { a }) }, { ...settings, tiling }),
  });

function caseOf(given: FusedShape, kernel: FusingKernel): OpCase {
  const { x: shape, filter, stride = 1, pad: padding = 0, rectify = false, zeros = false } = given;
  const [[N, C, H, W], [K, rows, columns]] = [shape, filter];
  const name = nameOf(kernel.op, given);
  const random = zeros ? randomIntegers : randomArray;
  const pad: Quad = typeof padding === 'number' ? [padding, padding, padding, padding] : padding;
  const conv = { stride, pad };
  const yShape: Quad = [
    N,
    K,
    Math.floor((H + pad[0] + pad[2] - rows) / stride) + 1,
    Math.floor((W + pad[1] + pad[3] - columns) / stride) + 1,
  ];
  const [x, w] = [random(`${name} x`, shape), random(`${name} w`, [K, C, rows, columns])];
  const norm = randomNorm(name, K);
  const bypass = given.bypass && {
    offset: given.bypass.offset ?? ([0, 0] as const),
    rectify: given.bypass.rectify ?? false,
  };
  const [A, B] = given.bypass?.size ?? yShape.slice(2);
  const a = bypass && random(`${name} a`, [N, K, A, B]);
  const settings = { ...conv, filter: [C, rows, columns] as const, rectify, bypass };

  const read = rectify ? R.relu(x) : x;
  const addA = (y: R.Array64): R.Array64 =>
    a && bypass ? R.add(bypass.rectify ? R.relu(a) : a, y, bypass) : y;
  const bypassGradient = (dy: R.Array64): Record<string, Float64Array> => {
    if (!a || !bypass) return {};
    const da = R.addBackwardA(dy, a, bypass);
    return { a: (bypass.rectify ? R.reluBackwardX(da, a) : da).data };
  };
  const masked = (dx: R.Array64): R.Array64 => (rectify ? R.reluBackwardX(dx, x) : dx);

  const common = {
    name,
    inputs: { x, ...(a && { a }) },
    tables: kernel.tables(w, stride, norm),
    record: (tape: Tape, inputs: Record<string, Tensor>) => kernel.record(tape, inputs, settings, K),
  };
  if (R.zeros(...yShape).data.length * C * rows * columns <= FULL_REFERENCE)
    return {
      ...common,
      forward: () => addA(R.batchNorm(R.conv2d(read, w, conv), norm)).data,
      backward: (dy) => ({
        x: masked(R.conv2dBackwardX(R.batchNormBackwardX(dy, norm), read, w, conv)).data,
        ...bypassGradient(dy),
      }),
    };
  const [inY, inX] = [sampleOf(name, yShape, SAMPLE), sampleOf(name, shape, SAMPLE)];
  const at = (indices: readonly number[], { data }: R.Array64) => ({
    indices,
    values: indices.map((i) => data[i]),
  });
  return {
    ...common,
    forward: () => at(inY, addA(R.batchNorm(scatter(yShape, inY, sampledConv2d(read, w, conv, inY)), norm))),
    backward: (dy) => {
      const dx = sampledConv2dBackwardX(R.batchNormBackwardX(dy, norm), read, w, conv, inX);
      return { x: at(inX, masked(scatter(shape, inX, dx))), ...bypassGradient(dy) };
    },
  };
}
