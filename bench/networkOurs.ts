// The engine's side of the network cases. A gradient is recorded twice: over whole frames, the same work as everybody
// else does, and over the window of the centre unit, as the product does it. A run is one submit and its end.
//
// All convolutions of a recording can be replayed by themselves: the dispatches are those of the whole network, and
// every tensor keeps a buffer to itself, so that they read what the network gave them, as often as they run.

import type { Gpu } from '../src/engine/device.ts';
import { Plan, submit } from '../src/engine/plan.ts';
import { gradientOf, Tape } from '../src/engine/tape.ts';
import { createTensor, destroy, read, type Tensor } from '../src/engine/tensor.ts';
import { objective } from '../src/kernels/objective.ts';
import type { Pass } from '../src/kernels/op.ts';
import type { Network } from '../src/model/network.ts';
import type { Parameters } from '../src/model/parameters.ts';
import { centreOf, framesOf, layoutOf, rowsOf } from '../src/model/receptiveField.ts';
import { recordResnet } from '../src/model/resnet.ts';
import { findTap } from '../src/model/taps.ts';
import { batchOfImages, type NetworkCase, networkCases } from './networkCase.ts';

const { size } = networkCases;

export interface OurContext {
  gpu: Gpu;
  network: Network;
  parameters: Parameters;
}

export interface OurNetwork {
  plan: Plan;
  /** one pass; settles when the adapter is done */
  run(): Promise<void>;
  /** per sample: logits, or value and gradient by the whole image */
  results(): Promise<Float32Array[]>;
  /** the plan of all convolutions, forward and backward; only of whole frames that were kept */
  convolutions(): Promise<Plan>;
  destroy(): void;
}

/** The images, or the same window of each, [batch,3,rows,rows]. */
function inputOf(batch: number, start: number, rows: number): Float32Array {
  const images = batchOfImages(batch);
  if (rows === size) return images;
  const cropped = new Float32Array(batch * 3 * rows * rows);
  for (let plane = 0; plane < 3 * batch; plane++)
    for (let y = 0; y < rows; y++) {
      const from = (plane * size + start + y) * size + start;
      cropped.set(images.subarray(from, from + rows), (plane * rows + y) * rows);
    }
  return cropped;
}

/** A gradient by the window as one by the image. */
function uncropped(values: Float32Array, start: number, rows: number): Float32Array {
  if (rows === size) return values;
  const whole = new Float32Array(3 * size * size);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < rows; y++)
      whole.set(
        values.subarray((c * rows + y) * rows, (c * rows + y + 1) * rows),
        (c * size + start + y) * size + start,
      );
  return whole;
}

/** Records and compiles a case. `keep` gives every tensor its own buffer, for convolutions(). */
export async function setUp(
  { gpu, network, parameters }: OurContext,
  { tap, channel = 0, batch }: NetworkCase,
  region: 'all' | 'centre',
  keep = false,
): Promise<OurNetwork> {
  const place = tap ? findTap(network, tap).place : `${network.blocks.at(-1)!.name}.O`;
  const layout = layoutOf(network, size, [{ place, region: tap ? region : 'all' }]);
  const { start } = layout.windows.get('input')!;
  const rows = rowsOf(layout, 'input');
  const data = inputOf(batch, start, rows);
  const x = createTensor(gpu, 'images', [batch, 3, rows, rows], { data, differentiable: tap !== undefined });
  const channels = createTensor(gpu, 'channels', [batch], {
    type: 'u32',
    data: new Array<number>(batch).fill(channel),
  });
  const ones = createTensor(gpu, 'ones', [batch], { data: new Array<number>(batch).fill(1) });
  const tape = new Tape();
  const places = recordResnet(tape, layout, parameters, x, { head: !tap });
  const outputs: Tensor[] = [];
  if (tap) {
    const first = centreOf(framesOf(network, size).get(place)!).start - layout.windows.get(place)!.start;
    const value = tape.apply(
      objective,
      { x: places.get(place)!, channels },
      { region: [first, first, 1, 1] },
    );
    outputs.push(value, gradientOf(tape.backward(value, ones), x));
  } else outputs.push(places.get('logits')!);
  for (const output of outputs) tape.keep(output);
  if (keep) for (const { operands } of tape.dispatches) for (const t of Object.values(operands)) tape.keep(t);
  const plan = await Plan.compile(gpu, tape);
  const run = async () => {
    submit(gpu, [plan]);
    await gpu.finish();
  };
  const results = async () => {
    submit(gpu, [plan]);
    const [values, gradients] = await Promise.all(outputs.map((output) => read(gpu, output)));
    return Array.from({ length: batch }, (_, n) => {
      if (!tap) return sampleOf(values, n, batch);
      return Float32Array.from([values[n], ...uncropped(sampleOf(gradients, n, batch), start, rows)]);
    });
  };
  const convolutions = () => {
    const own = new Tape();
    own.dispatches.push(...tape.dispatches.filter(({ label, pass }) => isConvolution(label, flopsOf(pass))));
    return Plan.compile(gpu, own);
  };
  const destroyAll = () => {
    plan.destroy();
    destroy(gpu, x, channels, ones);
  };
  return { plan, run, results, convolutions, destroy: destroyAll };
}

const sampleOf = (values: Float32Array, n: number, batch: number): Float32Array => {
  const length = values.length / batch;
  return values.subarray(n * length, (n + 1) * length);
};

/** Of a pass and what runs after it: of Winograd's three the second has them. */
const flopsOf = ({ flops, next }: Pass): number => flops + (next ? flopsOf(next) : 0);

/** Dispatches of convolutions are named after their op; those that only hand on a sum's gradient compute no product. */
export const isConvolution = (label: string, flops: number): boolean => /conv/i.test(label) && flops > 0;
