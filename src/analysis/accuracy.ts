// How often the network is right about labelled photographs, with some channels of one place replaced: top 1 and
// top 5 of 1000 classes. One plan of the whole network serves every choice of channels: a batch is uploaded once and
// classified once per choice.

import { Plan, submit } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import { createTensor, destroy, read, type Tensor, write } from '../engine/tensor.ts';
import { StreamscopeError } from '../error.ts';
import { normalize } from '../kernels/normalize.ts';
import { ChannelEdit, type Replacements } from '../model/edits.ts';
import { INPUT_SIZE } from '../model/preprocess.ts';
import { layoutOf } from '../model/receptiveField.ts';
import { recordResnet } from '../model/resnet.ts';
import { tapsOf } from '../model/taps.ts';
import { batchWithin, cropPixels, type MeasureContext } from '../visualization/measure.ts';
import { batches } from './collect.ts';

const ALL = { start: 0, end: INPUT_SIZE };

/** The whole network with an edit at one place. Destroy it after use. */
export class EditedClassifier {
  private constructor(
    readonly context: MeasureContext,
    readonly batch: number,
    private readonly edit: ChannelEdit,
    private readonly plan: Plan,
    private readonly x: Tensor,
    private readonly y: Tensor,
  ) {}

  /** For images of 224 x 224, `batch` at once or as many as the device can hold. */
  static async create(context: MeasureContext, place: string, batch: number): Promise<EditedClassifier> {
    const { gpu, network, parameters } = context;
    const last = network.blocks.at(-1)!;
    const layout = layoutOf(network, INPUT_SIZE, [
      { place: `${last.name}.O`, region: 'all' },
      { place: 'input', region: 'all' },
    ]);
    const samples = batchWithin(gpu, layout, batch);
    const { channels } = tapsOf(network).find((tap) => tap.place === place)!;
    const edit = new ChannelEdit(gpu, channels);
    const x = createTensor(gpu, 'images', [samples, 3, INPUT_SIZE, INPUT_SIZE]);
    try {
      const tape = new Tape();
      const edits = new Map([[place, edit.record]]);
      const input = tape.apply(normalize, { x });
      const places = recordResnet(tape, layout, parameters, input, { edits, head: true });
      const y = tape.keep(places.get('logits')!);
      return new EditedClassifier(context, samples, edit, await Plan.compile(gpu, tape), x, y);
    } catch (error) {
      edit.destroy();
      destroy(gpu, x);
      throw error;
    }
  }

  /** Logits [images, classes] of pixels (224,224,3), at most `batch`, once for every choice of channels. */
  async classify(images: readonly Uint8Array[], variants: readonly Replacements[]): Promise<Float32Array[]> {
    const { gpu, network } = this.context;
    if (images.length > this.batch)
      throw new StreamscopeError('bug', `classify: ${images.length} images, the batch is ${this.batch}.`);
    images.forEach((pixels, n) => {
      const values = cropPixels(pixels, INPUT_SIZE, ALL);
      write(gpu, this.x, values, n * values.length);
    });
    // the queue keeps the order: every read copies what the submit before it made
    const logits = variants.map((replacements) => {
      this.edit.replace(replacements);
      submit(gpu, [this.plan]);
      return read(gpu, this.y);
    });
    return (await Promise.all(logits)).map((values) => values.slice(0, images.length * network.classes));
  }

  destroy(): void {
    const { gpu } = this.context;
    this.plan.destroy();
    this.edit.destroy();
    destroy(gpu, this.x);
  }
}

/** How many images were classified rightly. */
export interface Tally {
  images: number;
  top1: number;
  top5: number;
}

/** Place of the label among all classes, 0 is the best; of equal ones the lower class comes first. */
export function rankOf(logits: ArrayLike<number>, label: number): number {
  let rank = 0;
  for (let c = 0; c < logits.length; c++)
    if (logits[c] > logits[label] || (logits[c] === logits[label] && c < label)) rank++;
  return rank;
}

export interface LabelledImage {
  name: string;
  /** number of the class */
  label: number;
  /** (224,224,3) */
  pixels: Uint8Array;
}

/** One tally per choice of channels. Throws (70) when a logit is not finite; calls `onProgress` after every batch. */
export async function tallyImages(
  classifier: EditedClassifier,
  variants: readonly Replacements[],
  images: AsyncIterable<LabelledImage>,
  onProgress?: (done: number) => void,
): Promise<Tally[]> {
  const { classes } = classifier.context.network;
  const tallies = variants.map(() => ({ images: 0, top1: 0, top5: 0 }));
  for await (const group of batches(images, classifier.batch)) {
    const pixels = group.map((image) => image.pixels);
    const logits = await classifier.classify(pixels, variants);
    tallies.forEach((tally, i) => {
      group.forEach(({ name, label }, n) => {
        const row = logits[i].subarray(n * classes, (n + 1) * classes);
        if (!row.every(Number.isFinite))
          throw new StreamscopeError('bug', `The classifier's answer to ${name} is not finite.`);
        const rank = rankOf(row, label);
        tally.images++;
        if (rank < 1) tally.top1++;
        if (rank < 5) tally.top5++;
      });
    });
    onProgress?.(tallies[0].images);
  }
  return tallies;
}
