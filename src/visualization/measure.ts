// What places of the network answer to images that are given: centre activations of many channels at several places
// in one pass (CentreMeter), and the objective of one channel each (measureObjective). Only the receptive field of
// what is asked for is uploaded and computed; the numbers are those of the whole image.

import type { Gpu } from '../engine/device.ts';
import { Plan, submit } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import { createTensor, createTogether, destroy, read, type Tensor, write } from '../engine/tensor.ts';
import { StreamscopeError } from '../error.ts';
import { normalize } from '../kernels/normalize.ts';
import { objective } from '../kernels/objective.ts';
import { pad } from '../kernels/pad.ts';
import type { Network } from '../model/network.ts';
import type { Parameters } from '../model/parameters.ts';
import {
  centreOf,
  framesOf,
  type Interval,
  type Layout,
  layoutOf,
  rowsOf,
  sizeOf,
} from '../model/receptiveField.ts';
import { recordResnet } from '../model/resnet.ts';
import type { ObjectiveKind } from './ascend.ts';

export interface MeasureContext {
  gpu: Gpu;
  network: Network;
  parameters: Parameters;
}

/** Rows and columns `window` of an image [3,size,size], as [3,w,w]. */
export function cropImage(image: Float32Array, size: number, { start, end }: Interval): Float32Array {
  if (start === 0 && end === size) return image;
  const rows = end - start;
  const values = new Float32Array(3 * rows * rows);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < rows; y++) {
      const from = (c * size + start + y) * size;
      values.set(image.subarray(from + start, from + end), (c * rows + y) * rows);
    }
  return values;
}

/** The same of 8-bit pixels (size,size,3), in 0..1. */
export function cropPixels(pixels: Uint8Array, size: number, { start, end }: Interval): Float32Array {
  const rows = end - start;
  const values = new Float32Array(3 * rows * rows);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < rows; x++)
        values[(c * rows + y) * rows + x] = pixels[3 * ((start + y) * size + start + x) + c] / 255;
  return values;
}

/** Floats of one sample in the largest tensor that a layout needs. */
function largestSample({ network, windows }: Layout): number {
  const channels = (place: string) =>
    network.blocks.find(({ name }) => place.startsWith(`${name}.`))?.channels ??
    (place === 'input' ? 3 : network.width);
  return Math.max(...[...windows].map(([place, window]) => channels(place) * sizeOf(window) ** 2));
}

/** The largest batch of at most `wanted` samples whose tensors the device can hold. Throws when one is too many. */
export function batchWithin(gpu: Gpu, layout: Layout, wanted: number): number {
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
  const fitting = Math.floor(
    Math.min(maxBufferSize, maxStorageBufferBindingSize) / (4 * largestSample(layout)),
  );
  if (fitting >= 1) return Math.min(wanted, fitting);
  throw new StreamscopeError(
    'unavailable',
    `One image of ${layout.frame} px needs more than this adapter (${gpu.adapter}) allows in one buffer.`,
    'Use smaller images.',
  );
}

/** The pixel at row and column `at` of every channel of x [N,C,H,H], as [N,C,1,1]: a window of one pixel. */
function recordPixel(tape: Tape, x: Tensor, at: number, gpu: Gpu, owned: Tensor[]): Tensor {
  const [N, , H] = x.shape;
  const data = Array.from({ length: N }, () => [0, 0, at, at]).flat();
  const placements = createTensor(gpu, 'centres', [1, N, 4], { type: 'i32', data });
  const clock = createTensor(gpu, 'clock', [1], { type: 'u32' });
  owned.push(placements, clock);
  return tape.apply(pad, { x, placements, clock }, { frame: [H, H], size: [1, 1] });
}

/** Centre activations of all channels at several places, batch after batch with one plan. Destroy it after use. */
export class CentreMeter {
  private constructor(
    readonly gpu: Gpu,
    /** rows and columns of the image that matter: what `measure` takes */
    readonly window: Interval,
    readonly batch: number,
    private readonly plan: Plan,
    private readonly x: Tensor,
    private readonly centres: ReadonlyMap<string, Tensor>,
    private readonly owned: readonly Tensor[],
  ) {}

  /** For images of `size` rows, `batch` at once or as many as the device can hold. */
  static async create(
    { gpu, network, parameters }: MeasureContext,
    places: readonly string[],
    { size, batch }: { size: number; batch: number },
  ): Promise<CentreMeter> {
    const layout = layoutOf(
      network,
      size,
      places.map((place) => ({ place, region: 'centre' })),
    );
    const samples = batchWithin(gpu, layout, batch);
    const rows = rowsOf(layout, 'input');
    const x = createTensor(gpu, 'images', [samples, 3, rows, rows]);
    const owned = [x];
    try {
      const tape = new Tape();
      const recorded = recordResnet(tape, layout, parameters, tape.apply(normalize, { x }));
      const frames = framesOf(network, size);
      const centres = new Map(
        places.map((place) => {
          const at = centreOf(frames.get(place)!).start - layout.windows.get(place)!.start;
          return [place, tape.keep(recordPixel(tape, recorded.get(place)!, at, gpu, owned))];
        }),
      );
      const plan = await Plan.compile(gpu, tape);
      return new CentreMeter(gpu, layout.windows.get('input')!, samples, plan, x, centres, owned);
    } catch (error) {
      destroy(gpu, ...owned);
      throw error;
    }
  }

  /**
   * By place, the centre activations [images, channels]. `images` are windows [3,w,w] in 0..1, at most `batch`; what
   * one of them gives does not depend on the others.
   */
  async measure(images: readonly Float32Array[]): Promise<Map<string, Float32Array>> {
    const { gpu, plan, x, centres, batch } = this;
    if (images.length > batch)
      throw new StreamscopeError('bug', `measure: ${images.length} images, the batch is ${batch}.`);
    images.forEach((image, n) => {
      write(gpu, x, image, n * image.length);
    });
    submit(gpu, [plan]);
    const results = new Map<string, Float32Array>();
    for (const [place, tensor] of centres) {
      const values = await read(gpu, tensor);
      results.set(place, values.slice(0, images.length * tensor.shape[1]));
    }
    return results;
  }

  destroy(): void {
    this.plan.destroy();
    destroy(this.gpu, ...this.owned);
  }
}

/** The objective of channel channels[n] at `place` for image n, [3,size,size] in 0..1, without any transform. */
export async function measureObjective(
  { gpu, network, parameters }: MeasureContext,
  place: string,
  kind: ObjectiveKind,
  size: number,
  samples: readonly { image: Float32Array; channel: number }[],
): Promise<Float32Array> {
  const layout = layoutOf(network, size, [{ place, region: kind === 'center' ? 'centre' : 'all' }]);
  const window = layout.windows.get('input')!;
  const rows = sizeOf(window);
  const { x, channels } = createTogether(gpu, (create) => ({
    x: create('images', [samples.length, 3, rows, rows]),
    channels: create('channels', [samples.length], {
      type: 'u32',
      data: samples.map(({ channel }) => channel),
    }),
  }));
  samples.forEach(({ image }, n) => {
    write(gpu, x, cropImage(image, size, window), n * 3 * rows * rows);
  });
  const tape = new Tape();
  const places = recordResnet(tape, layout, parameters, tape.apply(normalize, { x }));
  const values = layout.windows.get(place)!;
  const first = kind === 'center' ? centreOf(framesOf(network, size).get(place)!).start - values.start : 0;
  const region = kind === 'center' ? 1 : sizeOf(values);
  const y = tape.keep(
    tape.apply(objective, { x: places.get(place)!, channels }, { region: [first, first, region, region] }),
  );
  let plan: Plan | undefined;
  try {
    plan = await Plan.compile(gpu, tape);
    submit(gpu, [plan]);
    return await read(gpu, y);
  } finally {
    plan?.destroy();
    destroy(gpu, x, channels);
  }
}
