// What the taps of a block answer to images of I, B and O: the 3x3 table, the two invariance tests, and the tuning
// curve of O (see measurements.ts for the arrays). Centre activations, as the study measures them: from the saved
// 8-bit pixels, without the transforms of the ascent; float images work as well.
//
//   image of I: I, B, O;  B on it magnified (S);  B on it flipped
//   image of B: I, B, O;  I on it shrunk (S^-1);  I on it flipped
//   image of O: I, B, O;  O on it zoomed to every tuning scale
//
// Every view of every image goes through one plan, in batches; only the block's receptive field is computed.

import { StreamscopeError } from '../error.ts';
import type { Block, Network } from '../model/network.ts';
import type { Interval } from '../model/receptiveField.ts';
import { tapsOf } from '../model/taps.ts';
import {
  flip,
  magnify,
  shrink,
  type TensorTransform,
  TUNING_SCALES,
  transformTensor,
  zoom,
} from '../model/tensorTransforms.ts';
import { CentreMeter, cropImage, cropPixels, type MeasureContext } from '../visualization/measure.ts';
import { batches } from './collect.ts';
import { ROLES, type Role, type SeedMeasurements, type StimulusMeasurements } from './measurements.ts';

/** Saved pixels (n,n,3) of 8 bits, or an image [3,n,n] in 0..1. */
export type StimulusImage = Uint8Array | Float32Array;

/** Images of the channels of a block. */
export interface Stimuli {
  /** rows and columns of an image */
  size: number;
  imagesPerChannel: number;
  /** by role, the image k of a channel, loaded when it is its turn; undefined: the unit has none */
  images: Partial<Record<Role, (channel: number, k: number) => Promise<StimulusImage | undefined>>>;
}

export interface ResponseOptions {
  /** views at once, or as many as the device can hold */
  batch?: number;
  onProgress?: (imagesDone: number, images: number) => void;
  signal?: AbortSignal;
}

const BATCH = 32;

/** The place of each of a block's taps. */
export function placesOf(network: Network, block: Block): Record<Role, string> {
  const taps = tapsOf(network).filter((tap) => tap.block.name === block.name);
  const place = (role: Role) => taps.find((tap) => tap.role === role)!.place;
  return { I: place('I'), B: place('B'), O: place('O') };
}

/** An image as some tap is shown it, and where the answers go. */
interface View {
  image: Float32Array;
  channel: number;
  answers: readonly { role: Role; to: Float64Array; at: number }[];
}

/** A transform of a stimulus and the one tap whose answer is wanted: to[index stride + offset]. */
interface Test {
  transform: TensorTransform;
  role: Role;
  to: Float64Array;
  stride: number;
  offset: number;
}

/** Results that fill as batches come back; NaN is what was not measured. */
class Collector {
  readonly measurements: StimulusMeasurements;
  readonly tuning: Float64Array | undefined;
  readonly tests: Record<Role, Test[]> = { I: [], B: [], O: [] };

  constructor(channels: number, { size, imagesPerChannel, images }: Stimuli) {
    const count = channels * imagesPerChannel;
    const empty = () => new Float64Array(count).fill(Number.NaN);
    const shown = ROLES.filter((role) => images[role]);
    const table = () => Object.fromEntries(shown.map((role) => [role, empty()]));
    this.measurements = {
      imagesPerChannel,
      responses: { I: table(), B: table(), O: table() },
      invariance: {},
    };
    const test = (stimulus: Role, role: Role, transform: TensorTransform, to: Float64Array) =>
      this.tests[stimulus].push({ transform, role, to, stride: 1, offset: 0 });
    if (images.I && images.B) {
      const { invariance } = this.measurements;
      invariance.scale = { blockOnInput: empty(), inputOnBlock: empty() };
      invariance.flip = { blockOnInput: empty(), inputOnBlock: empty() };
      test('I', 'B', magnify(size), invariance.scale.blockOnInput);
      test('B', 'I', shrink(size), invariance.scale.inputOnBlock);
      test('I', 'B', flip(size), invariance.flip.blockOnInput);
      test('B', 'I', flip(size), invariance.flip.inputOnBlock);
    }
    if (images.O && imagesPerChannel === 1) {
      const to = new Float64Array(channels * TUNING_SCALES.length).fill(Number.NaN);
      this.tuning = to;
      TUNING_SCALES.forEach((scale, offset) => {
        const transform = zoom(size, scale);
        this.tests.O.push({ transform, role: 'O', to, stride: TUNING_SCALES.length, offset });
      });
    }
  }

  /** Everything that is shown of one image. */
  *views(
    stimulus: Role,
    image: StimulusImage,
    size: number,
    window: Interval,
    index: number,
  ): Generator<View> {
    const channel = Math.floor(index / this.measurements.imagesPerChannel);
    const { responses } = this.measurements;
    const answers = ROLES.map((role) => ({ role, to: responses[role][stimulus]!, at: index }));
    const floats = image instanceof Uint8Array ? cropPixels(image, size, { start: 0, end: size }) : image;
    yield { image: cropImage(floats, size, window), channel, answers };
    for (const { transform, role, to, stride, offset } of this.tests[stimulus]) {
      const transformed = transformTensor(floats, size, transform, window);
      yield { image: transformed, channel, answers: [{ role, to, at: index * stride + offset }] };
    }
  }
}

/**
 * Shows all images to all taps. Absent images leave NaN. Throws usage when an image has another size, (70) when an
 * answer is not finite; an aborted signal is thrown.
 */
async function measureAll(
  context: MeasureContext,
  block: Block,
  stimuli: Stimuli,
  { batch = BATCH, onProgress, signal }: ResponseOptions,
): Promise<Collector> {
  const { size, imagesPerChannel, images } = stimuli;
  const places = placesOf(context.network, block);
  const collector = new Collector(block.channels, stimuli);
  const meter = await CentreMeter.create(context, [...new Set(Object.values(places))], { size, batch });
  const roles = ROLES.filter((role) => images[role]);
  const perRole = block.channels * imagesPerChannel;
  async function* views(): AsyncGenerator<View> {
    for (const [i, role] of roles.entries()) {
      for (let index = 0; index < perRole; index++) {
        signal?.throwIfAborted();
        const [channel, k] = [Math.floor(index / imagesPerChannel), index % imagesPerChannel];
        const image = await images[role]!(channel, k);
        if (image) {
          requireSize(image, size, `${block.name}.${role}:${channel}`);
          yield* collector.views(role, image, size, meter.window, index);
        }
        onProgress?.(i * perRole + index + 1, roles.length * perRole);
      }
    }
  }
  try {
    for await (const group of batches(views(), meter.batch)) {
      const answers = await meter.measure(group.map(({ image }) => image));
      group.forEach((view, n) => {
        for (const { role, to, at } of view.answers) {
          const answer = answers.get(places[role])![n * block.channels + view.channel];
          to[at] = requireFinite(answer, `${block.name}.${role}:${view.channel}`);
        }
      });
    }
  } finally {
    meter.destroy();
  }
  return collector;
}

function requireSize(image: StimulusImage, size: number, unit: string): void {
  if (image.length === 3 * size * size) return;
  const found = Math.sqrt(image.length / 3);
  throw new StreamscopeError(
    'usage',
    `The image of ${unit} has ${Number.isInteger(found) ? `${found} x ${found}` : image.length / 3} pixels, expected ${size} x ${size}.`,
    'All images of a run have one size: choose another folder, or make them anew.',
  );
}

/** An answer as it is. Throws (70) when it is not finite: NaN means that there is no image. */
export function requireFinite(value: number, unit: string): number {
  if (Number.isFinite(value)) return value;
  throw new StreamscopeError('bug', `${unit} answers ${value} to an image.`);
}

/** The responses of a block to images of its channels, with the invariance tests where I and B have images. */
export async function measureResponses(
  context: MeasureContext,
  block: Block,
  stimuli: Stimuli,
  options: ResponseOptions = {},
): Promise<StimulusMeasurements> {
  return (await measureAll(context, block, stimuli, options)).measurements;
}

/** The same of one seed's visualisations, one image per channel, with O's tuning curve where O has images. */
export async function measureSeed(
  context: MeasureContext,
  block: Block,
  seed: number,
  stimuli: Omit<Stimuli, 'imagesPerChannel'>,
  options: ResponseOptions = {},
): Promise<SeedMeasurements> {
  const collector = await measureAll(context, block, { ...stimuli, imagesPerChannel: 1 }, options);
  const { measurements, tuning } = collector;
  return { seed, ...measurements, ...(tuning && { tuning }) };
}
