// What weights stored as float16 do to a network on this device, measured beside float32: the values of a centre unit's
// channels in the deepest tap that the weights serve, and one channel's gradient by the input, for one image of noise.
// A half has 11 significant bits, so a weight moves by up to 4.9e-4 of itself, and sums by less.

import type { Gpu } from '../engine/device.ts';
import { Plan, submit } from '../engine/plan.ts';
import { normals, PURPOSE, streamOf } from '../engine/random.ts';
import { gradientOf, Tape } from '../engine/tape.ts';
import { createTensor, destroy, read } from '../engine/tensor.ts';
import type { Network } from '../model/network.ts';
import { missingTensors, Parameters } from '../model/parameters.ts';
import { INPUT_SIZE } from '../model/preprocess.ts';
import { layoutOf, rowsOf } from '../model/receptiveField.ts';
import { recordResnet } from '../model/resnet.ts';
import { tapsOf } from '../model/taps.ts';
import type { Weights } from '../model/weights.ts';
import { relativeL2 } from './verify.ts';

export interface Float16Error {
  /** name of the tap */
  tap: string;
  /** relative L2 over the channels of the centre unit */
  values: number;
  /** relative L2 of the gradient of channel 0 */
  gradient: number;
}

/** Undefined where the weights serve no tap. */
export async function float16Error(
  gpu: Gpu,
  network: Network,
  weights: Weights,
): Promise<Float16Error | undefined> {
  const served = tapsOf(network).filter(
    ({ place }) => missingTensors(network, weights, place, network.name).length === 0,
  );
  const tap = served.at(-1);
  if (!tap) return undefined;
  const halves = await centreUnit(new Parameters(gpu, weights, 'f16'), network, tap.place);
  const floats = await centreUnit(new Parameters(gpu, weights, 'f32'), network, tap.place);
  return {
    tap: tap.name,
    values: relativeL2(halves.values, floats.values),
    gradient: relativeL2(halves.gradient, floats.gradient),
  };
}

/** All channels [C] of a place's centre unit, and the gradient of channel 0 by the unit's window of the input. */
async function centreUnit(parameters: Parameters, network: Network, place: string) {
  const { gpu } = parameters;
  const layout = layoutOf(network, INPUT_SIZE, [{ place, region: 'centre' }]);
  const rows = rowsOf(layout, 'input');
  const source = { seed: 0, stream: streamOf('float16Error'), purpose: PURPOSE.test };
  const tape = new Tape();
  const x = createTensor(gpu, 'noise', [1, 3, rows, rows], {
    data: normals(source, 3 * rows * rows),
    differentiable: true,
  });
  const y = tape.keep(recordResnet(tape, layout, parameters, x).get(place)!);
  const dy = createTensor(gpu, 'dy', y.shape, { data: Float32Array.from({ length: y.size }, (_, i) => +!i) });
  const dx = tape.keep(gradientOf(tape.backward(y, dy), x));
  const plan = await Plan.compile(gpu, tape);
  try {
    submit(gpu, [plan]);
    return { values: await read(gpu, y), gradient: await read(gpu, dx) };
  } finally {
    plan.destroy();
    destroy(gpu, x, dy);
    parameters.destroy();
  }
}
