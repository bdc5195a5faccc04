// Centre activations of all channels at several places over many photographs, in one pass: one plan up to the
// deepest place. While the GPU measures a batch, the next is decoded. Memory holds two batches, however many
// images there are.

import { StreamscopeError } from '../error.ts';
import { INPUT_SIZE, type Pixels } from '../model/preprocess.ts';
import { CentreMeter, cropPixels, type MeasureContext } from '../visualization/measure.ts';

/** A photograph, prepared to 224 x 224. */
export interface PreparedImage {
  name: string;
  pixels: Pixels;
}

export interface CollectedBatch<T extends PreparedImage> {
  images: T[];
  /** by place, [images, channels] */
  activations: ReadonlyMap<string, Float32Array>;
}

/** The next `count` items, fewer at the end. */
export async function take<T>(items: AsyncIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const { value, done } = await items.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

/** Batches of items, each fetched while the one before is worked on. */
export async function* batches<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  const iterator = items[Symbol.asyncIterator]();
  let next = take(iterator, size);
  for (;;) {
    const batch = await next;
    if (batch.length === 0) return;
    next = take(iterator, size);
    next.catch(() => {}); // thrown where it is awaited
    yield batch;
  }
}

/**
 * Measures `images` in order, `batch` at once or as many as the device can hold. The numbers of an image do not
 * depend on its batch. Throws (70) when an activation is not finite.
 */
export async function* collectActivations<T extends PreparedImage>(
  context: MeasureContext,
  places: readonly string[],
  images: AsyncIterable<T>,
  batch: number,
): AsyncGenerator<CollectedBatch<T>> {
  const meter = await CentreMeter.create(context, places, { size: INPUT_SIZE, batch });
  try {
    for await (const group of batches(images, meter.batch)) {
      const windows = group.map(({ pixels }) => cropPixels(pixels.data, INPUT_SIZE, meter.window));
      const activations = await meter.measure(windows);
      for (const [place, values] of activations) requireFinite(place, values, group);
      yield { images: group, activations };
    }
  } finally {
    meter.destroy();
  }
}

function requireFinite(place: string, values: Float32Array, images: readonly PreparedImage[]): void {
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  const channels = values.length / images.length;
  throw new StreamscopeError(
    'bug',
    `${place}:${at % channels} answers ${values[at]} to ${images[Math.floor(at / channels)].name}.`,
    'Are these weights finite? `streamscope verify` compares the network with PyTorch.',
  );
}
