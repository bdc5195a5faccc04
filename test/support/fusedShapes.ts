// The convolutions that fusedConv is tested with: ResNet18's at 224 x 224, as whole frames and as the windows of
// centre units, and awkward ones.

import { Tape } from '../../src/engine/tape.ts';
import { Tensor } from '../../src/engine/tensor.ts';
import { type FusedConvSettings, fusedConv } from '../../src/kernels/fusedConv.ts';
import type { Op } from '../../src/kernels/op.ts';
import { texels } from '../../src/kernels/pack.ts';
import { makeNetwork } from '../../src/model/network.ts';
import { type Parameters, requiredTensors } from '../../src/model/parameters.ts';
import { layoutOf, rowsOf } from '../../src/model/receptiveField.ts';
import { recordResnet } from '../../src/model/resnet.ts';
import { tapsOf } from '../../src/model/taps.ts';
import { type FusedShape, fusedName } from './fusedCases.ts';
import type { Pair, Quad } from './opCases.ts';
import { CONVOLUTIONS } from './resnet18.ts';

/** Every convolution of ResNet18 at 224 x 224, in its place: behind a ReLU, or into a residual sum. */
export const WHOLE_FRAMES: readonly FusedShape[] = CONVOLUTIONS.flatMap(
  ({ C, size, K, filter, stride, pad }): FusedShape[] => {
    const shape: FusedShape = { x: [1, C, size, size], filter: [K, filter, filter], stride, pad };
    if (C === 3) return [shape];
    const rectified = { ...shape, rectify: true };
    return stride === 1 && filter === 3
      ? [rectified, { ...rectified, bypass: {} }, { ...rectified, bypass: { rectify: true } }]
      : [rectified];
  },
);

/** Whether Winograd's way can compute it. */
export const canWinograd = ({ filter: [, R, S], stride = 1 }: FusedShape): boolean =>
  R === 3 && S === 3 && stride === 1;

/** Keeps the shapes of the convolutions that a network records. */
class Listing extends Tape {
  readonly shapes: FusedShape[] = [];

  override apply<Settings>(
    op: Op<Settings>,
    inputs: Record<string, Tensor>,
    ...given: keyof Settings extends never ? [] : [Settings]
  ): Tensor {
    const y = super.apply(op, inputs, ...given);
    if (op.name !== fusedConv.name) return y;
    const { filter, stride, pad, rectify, bypass } = given[0] as unknown as FusedConvSettings;
    const planar = ([, , rows, floats]: readonly number[]): Pair => [rows, floats / 4];
    const size = inputs.a && planar(inputs.a.shape);
    const [C, ...window] = filter;
    this.shapes.push({
      x: [inputs.x.shape[0], C, ...planar(inputs.x.shape)],
      filter: [inputs.bias.shape[0], ...window],
      stride,
      pad: pad as Quad,
      rectify,
      ...(bypass && { bypass: { ...bypass, size } }),
    });
    return y;
  }
}

/** What ResNet18 convolves in the windows of a centre unit, at every tap from `first` to `last`, without repetition. */
export function windowShapes(first: string, last: string): FusedShape[] {
  const network = makeNetwork('resnet18');
  const required = requiredTensors(network, 'logits');
  const parameters = {
    gpu: { simdLanes: 8 },
    packed(conv: string, _: string, stride: number) {
      const shape = required.get(`${conv}.weight`)! as Quad;
      const { w, v, bias } = packedShapes(shape, stride);
      const filter = shape.slice(1);
      return { filter, w: new Tensor('w', w), v: new Tensor('v', v), bias: new Tensor('bias', bias) };
    },
  } as unknown as Parameters;
  const names = tapsOf(network).map(({ name }) => name);
  const shapes = new Map<string, FusedShape>();
  for (const { place } of tapsOf(network).slice(names.indexOf(first), names.indexOf(last) + 1)) {
    const layout = layoutOf(network, 224, [{ place, region: 'centre' }]);
    const tape = new Listing();
    const rows = rowsOf(layout, 'input');
    recordResnet(tape, layout, parameters, new Tensor('x', [1, 3, rows, rows]));
    for (const shape of tape.shapes) shapes.set(fusedName(shape), shape);
  }
  return [...shapes.values()];
}

const packedShapes = ([K, C, rows, columns]: Quad, stride: number) => ({
  w: [texels(C), rows * columns, K, 4],
  v: [texels(K), Math.ceil(rows / stride) * Math.ceil(columns / stride), stride * stride * 4 * texels(C), 4],
  bias: [K],
});

/** A few shapes that together use every branch, on maps so small that their kernels compile quickly. */
export const FEW: readonly FusedShape[] = [
  { x: [1, 3, 2, 2], filter: [64, 7, 7], stride: 2, pad: 3 },
  { x: [1, 64, 3, 3], filter: [64, 3, 3], pad: 1, rectify: true },
  { x: [3, 17, 5, 5], filter: [33, 3, 3], stride: 2, pad: [1, 0, 2, 1], rectify: true },
  {
    x: [2, 17, 3, 3],
    filter: [15, 3, 3],
    pad: [1, 1, -1, 1],
    rectify: true,
    bypass: { size: [3, 5], offset: [2, 1], rectify: true },
  },
  { x: [8, 5, 5, 5], filter: [24, 1, 1], stride: 2, bypass: { size: [4, 6], offset: [1, 2] } },
  { x: [1, 20, 3, 3], filter: [16, 3, 3], pad: 1, rectify: true, bypass: { rectify: true }, zeros: true },
  // back, a lane has four phases of two channels
  { x: [1, 64, 5, 5], filter: [16, 3, 3], stride: 2, pad: 1 },
];

const bypassOf = (size: Pair, offset: Pair, rectify = false) => ({ size, offset, rectify });

export const AWKWARD: readonly FusedShape[] = [
  ...FEW,
  { x: [3, 17, 9, 7], filter: [33, 3, 3], stride: 2, pad: [1, 0, 2, 1], rectify: true },
  { x: [2, 17, 9, 7], filter: [15, 3, 3], pad: [-1, 1, 0, -1], bypass: bypassOf([9, 8], [2, 1], true) },
  { x: [8, 5, 7, 7], filter: [24, 1, 1], stride: 2, bypass: bypassOf([5, 6], [1, 2]) },
  // maps of one pixel
  { x: [1, 1, 1, 1], filter: [1, 1, 1] },
  { x: [1, 1, 1, 1], filter: [1, 1, 1], rectify: true, bypass: {} },
  { x: [1, 3, 1, 1], filter: [5, 3, 3], pad: 1 },
  { x: [8, 5, 1, 1], filter: [7, 1, 1], rectify: true },
  { x: [8, 9, 1, 1], filter: [17, 3, 3], pad: 1, bypass: bypassOf([3, 3], [1, 1], true) },
  { x: [3, 8, 1, 1], filter: [8, 1, 1], stride: 2, rectify: true },
  { x: [1, 5, 1, 1], filter: [9, 3, 3], stride: 2, pad: 1, rectify: true },
  { x: [1, 9, 3, 3], filter: [5, 3, 3], rectify: true },
  { x: [8, 64, 3, 3], filter: [64, 3, 3], bypass: bypassOf([3, 3], [1, 1], true) },
  { x: [1, 2, 7, 7], filter: [3, 7, 7], stride: 2, rectify: true },
  // K and C about the number of lanes
  { x: [1, 7, 6, 5], filter: [8, 3, 3], pad: 1 },
  { x: [1, 8, 6, 5], filter: [7, 3, 3], pad: 1, rectify: true },
  { x: [1, 9, 6, 5], filter: [9, 3, 3], pad: 1, bypass: {} },
  { x: [1, 16, 6, 5], filter: [17, 3, 3], pad: 1, rectify: true, bypass: {} },
  { x: [1, 15, 6, 5], filter: [31, 1, 1] },
  { x: [1, 65, 4, 4], filter: [63, 3, 3], pad: 1, rectify: true },
  { x: [1, 1, 9, 9], filter: [33, 3, 3], pad: 1 },
  { x: [1, 33, 9, 9], filter: [1, 3, 3], pad: 1, rectify: true },
  { x: [1, 3, 5, 5], filter: [20, 3, 3], stride: 2, pad: 1 },
  { x: [1, 20, 9, 9], filter: [40, 3, 3], stride: 2, pad: 1, rectify: true },
  { x: [1, 20, 7, 7], filter: [40, 1, 1], stride: 2, rectify: true },
  // batches
  { x: [3, 3, 5, 7], filter: [5, 3, 3], pad: 1, rectify: true },
  { x: [3, 3, 5, 7], filter: [5, 3, 3], stride: 2, pad: 1, bypass: {} },
  { x: [8, 12, 7, 7], filter: [10, 3, 3], pad: 1, rectify: true, bypass: bypassOf([9, 9], [1, 1]) },
  { x: [8, 8, 7, 7], filter: [16, 3, 3], stride: 2, pad: 1, rectify: true },
  { x: [8, 16, 7, 7], filter: [24, 1, 1], stride: 2, rectify: true },
  { x: [32, 3, 5, 5], filter: [4, 3, 3], pad: 1 },
  // strides
  { x: [1, 6, 9, 4], filter: [3, 3, 3], stride: 3, pad: 1 },
  { x: [2, 5, 13, 11], filter: [6, 1, 1], stride: 2, rectify: true },
  { x: [2, 5, 7, 8], filter: [6, 1, 1], stride: 3 },
  { x: [2, 5, 8, 8], filter: [6, 3, 3], stride: 3, pad: [2, 1, 0, 1], rectify: true },
  { x: [1, 2, 8, 8], filter: [3, 2, 2], stride: 3, rectify: true }, // rows that nothing sees
  { x: [1, 2, 4, 4], filter: [3, 3, 3], stride: 4, pad: 3 },
  { x: [1, 3, 17, 15], filter: [4, 7, 7], stride: 2, pad: 3 },
  { x: [1, 3, 17, 15], filter: [4, 7, 7], stride: 2, pad: [3, 3, 2, 2], rectify: true },
  { x: [1, 3, 17, 15], filter: [4, 7, 7], stride: 3, pad: 3 },
  { x: [1, 3, 19, 33], filter: [4, 3, 3], stride: 2, pad: [1, 2, 0, 1] }, // several tiles down and across
  // strides, with channels enough for a lane to hold all phases of a position
  { x: [2, 20, 8, 7], filter: [9, 3, 3], stride: 3, pad: [2, 1, 0, 1], rectify: true },
  { x: [1, 17, 8, 8], filter: [3, 2, 2], stride: 3, rectify: true },
  { x: [3, 18, 4, 5], filter: [5, 3, 3], stride: 4, pad: 3, bypass: {} },
  { x: [1, 33, 9, 10], filter: [6, 5, 2], stride: 2, pad: [4, 0, 0, 1] },
  { x: [2, 16, 15, 14], filter: [5, 3, 3], stride: 2, pad: [-4, -3, -2, -1], rectify: true },
  { x: [1, 24, 15, 15], filter: [7, 1, 1], stride: 2, pad: [-3, -4, 0, -1] },
  { x: [1, 16, 21, 19], filter: [2, 7, 7], stride: 2, pad: [-6, 3, 3, -5] },
  { x: [5, 21, 9, 9], filter: [8, 3, 3], stride: 2, pad: 1, rectify: true, bypass: {}, zeros: true },
  // small maps of more samples than a tile takes
  { x: [3, 5, 5, 5], filter: [9, 3, 3], pad: 1, rectify: true },
  { x: [5, 20, 5, 5], filter: [17, 3, 3], rectify: true, bypass: bypassOf([4, 5], [1, 1], true) },
  { x: [9, 9, 3, 3], filter: [20, 3, 3] },
  { x: [7, 18, 7, 7], filter: [5, 3, 3], stride: 2, pad: 1 },
  { x: [17, 4, 1, 1], filter: [5, 1, 1], rectify: true },
  // other filters
  { x: [2, 3, 7, 6], filter: [5, 2, 2] },
  { x: [2, 3, 7, 6], filter: [5, 2, 2], stride: 2, pad: [1, 0, 0, 1], rectify: true },
  { x: [1, 5, 3, 3], filter: [9, 5, 5], pad: 2, rectify: true },
  { x: [1, 5, 6, 5], filter: [9, 5, 5], stride: 2, pad: [2, 1, 1, 2] },
  { x: [1, 5, 4, 4], filter: [9, 5, 5], stride: 3, pad: 1 },
  { x: [1, 7, 3, 3], filter: [9, 1, 3], pad: [0, 1, 0, 1], rectify: true },
  { x: [1, 7, 2, 1], filter: [9, 3, 1], pad: [1, 0, 0, 0] },
  { x: [1, 7, 1, 3], filter: [9, 1, 3], stride: 2 },
  { x: [1, 2, 6, 5], filter: [3, 5, 2], stride: 2, pad: [4, 0, 0, 1] },
  // uneven and negative padding
  { x: [2, 4, 10, 12], filter: [5, 3, 3], pad: [0, 1, 1, 0], rectify: true },
  { x: [2, 4, 10, 12], filter: [5, 3, 3], stride: 2, pad: [1, 0, 0, 1] },
  { x: [1, 4, 10, 12], filter: [5, 3, 3], pad: -1, rectify: true },
  { x: [1, 4, 10, 12], filter: [5, 3, 3], pad: [-3, 1, 1, -4], bypass: bypassOf([8, 8], [1, 0], true) },
  { x: [1, 4, 15, 15], filter: [5, 3, 3], stride: 2, pad: [-1, -2, -3, -4] },
  { x: [1, 4, 15, 15], filter: [5, 3, 3], stride: 2, pad: [-4, -3, -2, -1], rectify: true },
  { x: [1, 4, 15, 15], filter: [5, 1, 1], stride: 2, pad: [-3, -4, 0, -1] },
  { x: [1, 2, 15, 15], filter: [3, 3, 3], stride: 3, pad: [-5, 2, 2, -5], rectify: true },
  { x: [1, 3, 21, 19], filter: [2, 7, 7], stride: 2, pad: [-6, 3, 3, -5] },
  { x: [8, 64, 5, 5], filter: [64, 3, 3], pad: [1, 1, -1, -1], rectify: true },
  { x: [1, 2, 4, 4], filter: [3, 3, 3], pad: 5 }, // outputs that see nothing
  // long and thin
  { x: [1, 2, 2, 130], filter: [3, 3, 3], pad: 1, rectify: true },
  { x: [1, 2, 130, 2], filter: [3, 3, 3], pad: 1, bypass: {} },
  { x: [1, 9, 1, 57], filter: [10, 3, 3], pad: [1, 0, 1, 0] },
  // the bypass in all corners of a larger one
  { x: [2, 5, 4, 6], filter: [9, 3, 3], pad: 1, bypass: bypassOf([6, 9], [0, 0]) },
  { x: [2, 5, 4, 6], filter: [9, 3, 3], pad: 1, bypass: bypassOf([6, 9], [2, 3]) },
  { x: [2, 5, 4, 6], filter: [9, 3, 3], pad: 1, rectify: true, bypass: bypassOf([6, 9], [2, 0], true) },
  { x: [2, 5, 4, 6], filter: [9, 3, 3], pad: 1, rectify: true, bypass: bypassOf([6, 9], [0, 3], true) },
  // exact zeros: max(x, 0) has no gradient there
  { x: [2, 6, 5, 5], filter: [7, 3, 3], pad: 1, rectify: true, bypass: {}, zeros: true },
  { x: [2, 6, 5, 5], filter: [7, 1, 1], rectify: true, bypass: { rectify: true }, zeros: true },
  { x: [2, 6, 5, 5], filter: [7, 3, 3], stride: 2, pad: 1, rectify: true, zeros: true },
];
