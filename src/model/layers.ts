// A convolution with its batch norm and what surrounds it, recorded in one of three ways that give the same numbers:
// plain, one op after the other, as the equations say; fused into one kernel where a subgroup is a SIMD vector, on
// packed tensors (pack.ts) that only enter() and leave() turn into planar ones; or fused into a product of matrices, on
// planar tensors, for real GPUs. engine/kernelFamily.ts chooses.
// The stream holds sums before their ReLU, so `rectify` says that a reader takes max(x, 0).

import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { tilingFor } from '../engine/tuning.ts';
import { add } from '../kernels/add.ts';
import { batchNorm } from '../kernels/batchNorm.ts';
import { conv2d } from '../kernels/conv2d.ts';
import { fusedConv, winogradWays } from '../kernels/fusedConv.ts';
import { gemmConv } from '../kernels/gemmConv.ts';
import type { Product, Tiling } from '../kernels/gemmTiling.ts';
import { maxPool, packedMaxPool } from '../kernels/maxPool.ts';
import { pack, unpack } from '../kernels/pack.ts';
import type { Conv2dSettings, MaxPoolSettings } from '../kernels/reference.ts';
import { relu } from '../kernels/relu.ts';
import { BATCH_NORM, type Parameters } from './parameters.ts';

export interface Convolution extends Conv2dSettings {
  /** names of the weights: "layer1.0.conv1" and "layer1.0.bn1" */
  conv: string;
  bn: string;
  /** rows and columns of the square filter */
  size: number;
  /** read max(x, 0) */
  rectify: boolean;
}

/** A tensor that is added, from row and column `offset` on, as it is or as max(a, 0). */
export interface Bypass {
  tensor: Tensor;
  offset: number;
  rectify: boolean;
}

export interface Layers {
  /** from a planar tensor to what the others take and return, and back */
  enter(x: Tensor): Tensor;
  leave(x: Tensor, channels: number): Tensor;
  /** max(maxPool(x), 0) */
  pool(x: Tensor, settings: MaxPoolSettings): Tensor;
  /** bn(conv(x)) */
  convolve(x: Tensor, convolution: Convolution): Tensor;
  /** bn(conv(x)) + bypass, without the first term for itself */
  convolveAndAdd(x: Tensor, convolution: Convolution, bypass: Bypass): Tensor;
  /** b + bypass */
  add(b: Tensor, bypass: Bypass): Tensor;
  /** max(x, 0) */
  rectify(x: Tensor): Tensor;
}

/** What suits the device of the parameters, unless `plain` is asked for. */
export function layersFor(tape: Tape, parameters: Parameters, plain: boolean): Layers {
  const { gpu } = parameters;
  if (!plain && gpu.simdLanes) return fusedLayers(tape, parameters, gpu.simdLanes);
  if (!plain && gpu.kernels === 'gemm') return gemmLayers(tape, parameters, tilingFor(gpu));
  return plainLayers(tape, parameters);
}

/** One op after the other. A ReLU that two readers want is computed once. */
export function plainLayers(tape: Tape, parameters: Parameters): Layers {
  const rectified = new Map<Tensor, Tensor>();
  const rectify = (x: Tensor): Tensor => {
    const y = rectified.get(x) ?? tape.apply(relu, { x });
    rectified.set(x, y);
    return y;
  };
  const sum = (b: Tensor, { tensor, offset, rectify: isRectified }: Bypass) =>
    tape.apply(add, { a: isRectified ? rectify(tensor) : tensor, b }, { offset: [offset, offset] });
  const convolve = (x: Tensor, { conv, bn, stride, pad, rectify: isRectified }: Convolution) => {
    const w = parameters.get(`${conv}.weight`);
    const y = tape.apply(conv2d, { x: isRectified ? rectify(x) : x, w }, { stride, pad });
    return tape.apply(batchNorm, { x: y, ...parameters.batchNorm(bn) }, BATCH_NORM);
  };
  return {
    enter: (x) => x,
    leave: (x) => x,
    // the maximum of rectified values is the rectified maximum, of which there are fewer
    pool: (x, settings) => rectify(tape.apply(maxPool, { x }, settings)),
    convolve,
    convolveAndAdd: (x, convolution, bypass) => sum(convolve(x, convolution), bypass),
    add: sum,
    rectify,
  };
}

/** One kernel for all, on subgroups of `lanes` invocations. */
export function fusedLayers(tape: Tape, parameters: Parameters, lanes: number): Layers {
  const convolve = (x: Tensor, { conv, bn, stride, pad, rectify }: Convolution, bypass?: Bypass) => {
    const { filter, ...weights } = parameters.packed(conv, bn, stride);
    const float16 = parameters.storage === 'f16';
    const settings = { filter, stride, pad, rectify, lanes, float16 };
    const points =
      parameters.gpu.winograd && !float16
        ? parameters.packedAtPoints(conv, bn, winogradWays(x.shape, weights.bias.size, settings))
        : {};
    const inputs = { x, ...weights, ...points };
    if (!bypass) return tape.apply(fusedConv, inputs, settings);
    const { offset, rectify: isRectified, tensor } = bypass;
    const added = { offset: [offset, offset] as const, rectify: isRectified };
    return tape.apply(fusedConv, { ...inputs, a: tensor }, { ...settings, bypass: added });
  };
  const { rectify } = plainLayers(tape, parameters);
  return {
    enter: (x) => tape.apply(pack, { x }),
    leave: (x, channels) => tape.apply(unpack, { x }, { channels }),
    pool: (x, settings) => tape.apply(packedMaxPool, { x }, settings),
    convolve: (x, convolution) => convolve(x, convolution),
    convolveAndAdd: convolve,
    add: (b, { tensor, offset, rectify: isRectified }) => {
      const a = isRectified ? rectify(tensor) : tensor;
      return tape.apply(add, { a, b }, { offset: [offset, 4 * offset] });
    },
    rectify,
  };
}

/** A product of matrices per convolution, cut into workgroups by `tiling`; everything else is plain. */
export function gemmLayers(tape: Tape, parameters: Parameters, tiling: (product: Product) => Tiling): Layers {
  const convolve = (x: Tensor, { conv, bn, stride, pad, rectify }: Convolution, bypass?: Bypass) => {
    const { filter, ...weights } = parameters.matrices(conv, bn, stride);
    const settings = { filter, stride, pad, rectify, tiling, float16: parameters.storage === 'f16' };
    const inputs = { x, ...weights };
    if (!bypass) return tape.apply(gemmConv, inputs, settings);
    const { offset, rectify: isRectified, tensor } = bypass;
    const added = { offset: [offset, offset] as const, rectify: isRectified };
    return tape.apply(gemmConv, { ...inputs, a: tensor }, { ...settings, bypass: added });
  };
  return {
    ...plainLayers(tape, parameters),
    convolve: (x, given) => convolve(x, given),
    convolveAndAdd: convolve,
  };
}
