// fusedConv as cases for checkOp, compared with what it fuses: relu, conv2d, batchNorm and add, one after the other
// in float64. The shapes are in fusedShapes.ts.

import type { Tape } from '../../src/engine/tape.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { type FusedConvSettings, fusedConv, packConvolution } from '../../src/kernels/fusedConv.ts';
import { pack, unpack } from '../../src/kernels/pack.ts';
import * as R from '../../src/kernels/reference.ts';
import { BATCH_NORM } from '../../src/model/parameters.ts';
import { randomArray, randomIntegers } from './arrays.ts';
import type { Pair, Quad } from './opCases.ts';
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
export function fusedName({
  x,
  filter: [K, rows, columns],
  stride,
  pad,
  rectify,
  bypass,
  zeros,
}: FusedShape): string {
  const parts = [`fusedConv ${show(x)} * ${show([K, x[1], rows, columns])}`];
  parts.push(`stride ${stride ?? 1}`, `pad ${pad ?? 0}`);
  if (rectify) parts.push('rectified');
  if (bypass) {
    const size = bypass.size ? ` of ${show(bypass.size)}` : '';
    parts.push(`${bypass.rectify ? 'rectified ' : ''}bypass${size} at ${bypass.offset ?? [0, 0]}`);
  }
  if (zeros) parts.push('zeros');
  return parts.join(', ');
}

export function fusedCase(given: FusedShape, lanes: number): OpCase {
  const { x: shape, filter, stride = 1, pad: padding = 0, rectify = false, zeros = false } = given;
  const [[N, C, H, W], [K, rows, columns]] = [shape, filter];
  const name = fusedName(given);
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
  const packed = packConvolution(w.data, w.shape, stride, norm);
  const bypass = given.bypass && {
    offset: given.bypass.offset ?? ([0, 0] as const),
    rectify: given.bypass.rectify ?? false,
  };
  const [A, B] = given.bypass?.size ?? yShape.slice(2);
  const a = bypass && random(`${name} a`, [N, K, A, B]);
  const settings: FusedConvSettings = { ...conv, filter: [C, rows, columns], rectify, bypass, lanes };

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
    tables: {
      w: packed.w,
      v: packed.v,
      bias: { shape: [packed.bias.length], data: packed.bias },
    },
    record: (tape: Tape, { x, w, v, bias, a }: Record<string, Tensor>) => {
      const inputs = { x: tape.apply(pack, { x }), w, v, bias, ...(a && { a: tape.apply(pack, { x: a }) }) };
      return tape.apply(unpack, { x: tape.apply(fusedConv, inputs, settings) }, { channels: K });
    },
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
