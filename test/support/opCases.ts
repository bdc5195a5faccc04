// The ops of the network as cases for checkOp: one function per op, so that a case is one line of shapes.

import type { Tape } from '../../src/engine/tape.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { add } from '../../src/kernels/add.ts';
import { batchNorm } from '../../src/kernels/batchNorm.ts';
import { conv2d } from '../../src/kernels/conv2d.ts';
import { globalAveragePool } from '../../src/kernels/globalAveragePool.ts';
import { linear } from '../../src/kernels/linear.ts';
import { maxPool, packedMaxPool } from '../../src/kernels/maxPool.ts';
import { objective } from '../../src/kernels/objective.ts';
import { pack, unpack } from '../../src/kernels/pack.ts';
import * as R from '../../src/kernels/reference.ts';
import { relu } from '../../src/kernels/relu.ts';
import { randomArray, randomIntegers } from './arrays.ts';
import type { OpCase } from './opCheck.ts';
import { sampledConv2d, sampledConv2dBackwardX, sampleOf } from './sampledConv.ts';

export type Quad = readonly [number, number, number, number];
export type Pair = readonly [number, number];

const show = (shape: readonly number[]) => shape.join('x');
const all = (n: number): Quad => [n, n, n, n];

/** Above this many products only a sample of the outputs is computed in float64. */
const FULL_REFERENCE = 3e6;
const SAMPLE = 500;

export function convCase(
  shape: Quad,
  [K, R_, S]: readonly number[],
  stride = 1,
  padding: number | Quad = 0,
): OpCase {
  const pad = typeof padding === 'number' ? all(padding) : padding;
  const settings = { stride, pad };
  const filter = [K, shape[1], R_, S];
  const name = `conv2d ${show(shape)} * ${show(filter)}, stride ${stride}, pad ${pad}`;
  const [x, w] = [randomArray(`${name} x`, shape), randomArray(`${name} w`, filter)];
  const rows = Math.floor((shape[2] + pad[0] + pad[2] - R_) / stride) + 1;
  const columns = Math.floor((shape[3] + pad[1] + pad[3] - S) / stride) + 1;
  const yShape = [shape[0], K, rows, columns];
  const common = {
    name,
    inputs: { x },
    tables: { w },
    record: (tape: Tape, { x, w }: Record<string, Tensor>) => tape.apply(conv2d, { x, w }, settings),
  };
  if (R.zeros(...yShape).data.length * shape[1] * R_ * S <= FULL_REFERENCE)
    return {
      ...common,
      forward: () => R.conv2d(x, w, settings).data,
      backward: (dy) => ({ x: R.conv2dBackwardX(dy, x, w, settings).data }),
    };
  const [inY, inX] = [sampleOf(name, yShape, SAMPLE), sampleOf(name, shape, SAMPLE)];
  return {
    ...common,
    forward: () => ({ indices: inY, values: sampledConv2d(x, w, settings, inY) }),
    backward: (dy) => ({ x: { indices: inX, values: sampledConv2dBackwardX(dy, x, w, settings, inX) } }),
  };
}

export function maxPoolCase(
  shape: Quad,
  size: number,
  stride: number,
  padding: number | Quad,
  ties = false,
): OpCase {
  const pad = typeof padding === 'number' ? all(padding) : padding;
  const settings = { size, stride, pad };
  const name = `maxPool ${show(shape)}, size ${size}, stride ${stride}, pad ${pad}${ties ? ', ties' : ''}`;
  const x = (ties ? randomIntegers : randomArray)(name, shape);
  const { y, argmax } = R.maxPool(x, settings);
  return {
    name,
    inputs: { x },
    record: (tape, { x }) => tape.apply(maxPool, { x }, settings),
    forward: () => y.data,
    backward: (dy) => ({ x: R.maxPoolBackwardX(dy, x, argmax).data }),
    // gradients up to sqrt(3) meet in a pixel, four at most where windows overlap by one: three roundings of
    // 2^-24 * 8, and half of the pixels or more have none, so the rms is about 0.5
    bounds: { forward: 0, backward: 3e-6 },
    integers: { name: 'argmax', expected: argmax.data },
  };
}

const packedBy = new WeakMap<Tape, Map<Tensor, Tensor>>();

/** x packed, once per tape: what reads it twice then has a gradient that accumulates where the tensors are packed. */
export function packOnce(tape: Tape, x: Tensor): Tensor {
  const made = packedBy.get(tape) ?? new Map<Tensor, Tensor>();
  packedBy.set(tape, made);
  const packed = made.get(x) ?? tape.apply(pack, { x });
  made.set(x, packed);
  return packed;
}

/** x as texels, with 0 where channels are no multiple of 4; and back, if `unpacked`. */
export function packCase(shape: Quad, unpacked = false): OpCase {
  const name = `${unpacked ? 'unpack' : 'pack'} ${show(shape)}`;
  const [N, C, H, W] = shape;
  const texels = Math.ceil(C / 4);
  const planar = randomArray(name, shape);
  /** Where channel c of pixel i of sample n lies. */
  const place = (n: number, c: number, i: number) => 4 * ((n * texels + (c >> 2)) * H * W + i) + (c % 4);
  const move = (from: ArrayLike<number>, to: Float64Array, packing: boolean) => {
    for (let n = 0; n < N; n++)
      for (let c = 0; c < C; c++)
        for (let i = 0; i < H * W; i++) {
          const [there, here] = [place(n, c, i), (n * C + c) * H * W + i];
          if (packing) to[there] = from[here];
          else to[here] = from[there];
        }
    return to;
  };
  const packedArray = randomArray(name, [N, texels, H, 4 * W]);
  const x = unpacked ? packedArray : planar;
  const empty = (packing: boolean) => new Float64Array((packing ? packedArray : planar).data.length);
  return {
    name,
    inputs: { x },
    record: (tape, { x }) =>
      unpacked ? tape.apply(unpack, { x }, { channels: C }) : tape.apply(pack, { x }),
    forward: () => move(x.data, empty(!unpacked), !unpacked),
    backward: (dy) => ({ x: move(dy.data, empty(unpacked), unpacked) }),
    bounds: { forward: 0, backward: 0 },
  };
}

/** The same for packed tensors; the ReLU that follows is part of it. */
export function packedMaxPoolCase(...parameters: Parameters<typeof maxPoolCase>): OpCase {
  const given = maxPoolCase(...parameters);
  const [shape, size, stride, padding] = parameters;
  const settings = { size, stride, pad: typeof padding === 'number' ? all(padding) : padding };
  const y = R.relu({ shape, data: Float64Array.from(given.forward(0) as ArrayLike<number>) }).data;
  return {
    ...given,
    name: `${given.name}, packed`,
    record: (tape, { x }) => {
      const pooled = tape.apply(packedMaxPool, { x: packOnce(tape, x) }, settings);
      return tape.apply(unpack, { x: pooled }, { channels: shape[1] });
    },
    forward: () => y,
    backward: (dy) => given.backward({ shape: dy.shape, data: dy.data.map((d, i) => (y[i] > 0 ? d : 0)) }, 0),
    integers: undefined,
  };
}

export function batchNormCase(shape: Quad): OpCase {
  const name = `batchNorm ${show(shape)}`;
  const x = randomArray(name, shape);
  const channel = (label: string, mean: number) => randomArray(`${name} ${label}`, [shape[1]], mean);
  const tables = {
    gamma: channel('gamma', 0),
    beta: channel('beta', 0),
    mean: channel('mean', 0),
    variance: channel('variance', 2),
  };
  const eps = 1e-5;
  const parameters = {
    gamma: tables.gamma.data,
    beta: tables.beta.data,
    mean: tables.mean.data,
    variance: tables.variance.data,
    eps,
  };
  return {
    name,
    inputs: { x },
    tables,
    record: (tape, { x, gamma, beta, mean, variance }) =>
      tape.apply(batchNorm, { x, gamma, beta, mean, variance }, { eps }),
    forward: () => R.batchNorm(x, parameters).data,
    backward: (dy) => ({ x: R.batchNormBackwardX(dy, parameters).data }),
    bounds: { forward: 5e-6, backward: 5e-6 }, // a handful of roundings
  };
}

export function reluCase(shape: readonly number[], zeros = false): OpCase {
  const name = `relu ${show(shape)}${zeros ? ', zeros' : ''}`;
  const x = (zeros ? randomIntegers : randomArray)(name, shape);
  return {
    name,
    inputs: { x },
    record: (tape, { x }) => tape.apply(relu, { x }),
    forward: () => R.relu(x).data,
    backward: (dy) => ({ x: R.reluBackwardX(dy, x).data }),
    bounds: { forward: 0, backward: 0 },
  };
}

export function addCase(shape: Quad, [P, Q]: Pair = [shape[2], shape[3]], offset: Pair = [0, 0]): OpCase {
  const name = `add ${show(shape)} + ${P}x${Q} at ${offset}`;
  const [a, b] = [randomArray(`${name} a`, shape), randomArray(`${name} b`, [shape[0], shape[1], P, Q])];
  return {
    name,
    inputs: { a, b },
    record: (tape, { a, b }) => tape.apply(add, { a, b }, { offset }),
    forward: () => R.add(a, b, { offset }).data,
    backward: (dy) => ({ a: R.addBackwardA(dy, a, { offset }).data, b: R.addBackwardB(dy).data }),
    bounds: { forward: 1e-6, backward: 0 },
  };
}

export function averageCase(shape: Quad): OpCase {
  const name = `globalAveragePool ${show(shape)}`;
  const x = randomArray(name, shape, 0.5);
  return {
    name,
    inputs: { x },
    record: (tape, { x }) => tape.apply(globalAveragePool, { x }),
    forward: () => R.globalAveragePool(x).data,
    backward: (dy) => ({ x: R.globalAveragePoolBackwardX(dy, x).data }),
  };
}

export function linearCase(N: number, C: number, K: number): OpCase {
  const name = `linear ${N}x${C} -> ${K}`;
  const x = randomArray(`${name} x`, [N, C]);
  const tables = { w: randomArray(`${name} w`, [K, C]), b: randomArray(`${name} b`, [K]) };
  return {
    name,
    inputs: { x },
    tables,
    record: (tape, { x, w, b }) => tape.apply(linear, { x, w, b }),
    forward: () => R.linear(x, tables.w, tables.b).data,
    backward: (dy) => ({ x: R.linearBackwardX(dy, tables.w).data }),
  };
}

/**
 * dx is zero but for one value per sample and region pixel, so the rms is smaller than the largest value by up to
 * sqrt(elements / region pixels); values are divided, multiplied and added once.
 * The mean of a region has an expectation of 0.5, as the mean of activations does: it is no difference of large sums.
 */
export function objectiveCase(shape: Quad, channels: number[], region: Quad): OpCase {
  const name = `objective ${show(shape)}, channels ${channels}, region ${region}`;
  const x = randomArray(name, shape, 0.5);
  return {
    name,
    inputs: { x },
    tables: { channels: { shape: [shape[0]], type: 'u32', data: channels } },
    record: (tape, { x, channels }) => tape.apply(objective, { x, channels }, { region }),
    forward: () => R.objective(x, { channels, region }).data,
    backward: (dy) => ({ x: R.objectiveBackwardX(dy, x, { channels, region }).data }),
    bounds: { backward: 2 ** -22 * Math.sqrt(x.data.length / (region[2] * region[3])) },
  };
}
