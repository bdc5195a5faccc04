// Labelled photographs for measuring accuracy: the files of a folder with the classes of their folders, as often as
// they are asked for and at any scale, and what was found of them on the way.

import type { LabelledImage } from '../analysis/accuracy.ts';
import { StreamscopeError } from '../error.ts';
import type { Listing, SkippedFile } from './images.ts';
import { isPhotograph, photographs } from './photographs.ts';

export class LabelledFiles {
  /** by name, files that cannot be decoded */
  readonly skipped = new Map<string, SkippedFile>();
  /** by name, what had to be done to images */
  readonly notes = new Map<string, { notes: string[] }>();
  #complete = false;

  constructor(
    readonly listing: Listing,
    readonly classes: ReadonlyMap<string, number>,
    readonly signal: AbortSignal,
  ) {}

  /** All images in order, prepared at a scale. Throws badInput when there is none that can be used. */
  readonly at = async function* (this: LabelledFiles, scale: number): AsyncGenerator<LabelledImage> {
    let images = 0;
    for await (const file of photographs(this.listing, 0, this.signal)) {
      if (!isPhotograph(file)) {
        this.skipped.set(file.name, file);
        continue;
      }
      const { name, label, notes } = file;
      if (notes.length > 0) this.notes.set(name, { notes });
      images++;
      yield { name, label: this.classes.get(label!)!, pixels: file.prepared(scale).data };
    }
    this.#complete = true;
    if (images === 0) {
      const [{ name, reason }] = this.skipped.values();
      throw new StreamscopeError(
        'badInput',
        `None of the images in ${this.listing.folder} can be used; ${name}: ${reason}.`,
      );
    }
  }.bind(this);

  /** Makes sure that every file was looked at, also when all passes over them were done before. */
  async lookAtAll(): Promise<void> {
    if (this.#complete) return;
    for await (const _ of this.at(1));
  }
}
