// A folder's photographs as a stream: decoded in order, a few ahead of whoever asks, each with what
// became of the files before it that are no images. Shared by all commands that look at photographs.

import { join } from 'node:path';
import { StreamscopeError } from '../error.ts';
import { type Pixels, prepare } from '../model/preprocess.ts';
import { decodeImage, type ListedImage, type Listing, type SkippedFile } from './images.ts';

/** libuv decodes this many at once. */
const AHEAD = 4;

export interface Photograph extends ListedImage {
  sha256: string;
  notes: string[];
  /** 224 x 224, magnified where `scale` is above 1 (see preprocess.ts) */
  prepared(scale?: number): Pixels;
}

/** f of every item, in order, at most `width` at work at once. */
export async function* mapAhead<T, U>(
  items: Iterable<T>,
  width: number,
  f: (item: T) => Promise<U>,
): AsyncGenerator<U> {
  const waiting: Promise<U>[] = [];
  for (const item of items) {
    const result = f(item);
    result.catch(() => {}); // thrown where it is awaited
    waiting.push(result);
    if (waiting.length >= width) yield await waiting.shift()!;
  }
  for (const result of waiting) yield await result;
}

/** Decodes one image; a file that is none is told by its reason. Throws io. */
async function decoded(folder: string, listed: ListedImage): Promise<Photograph | SkippedFile> {
  try {
    const { pixels, sha256, notes } = await decodeImage(join(folder, listed.name));
    return { ...listed, sha256, notes, prepared: (scale = 1) => prepare(pixels, scale) };
  } catch (error) {
    if (error instanceof StreamscopeError && error.exitClass === 'badInput')
      return { name: listed.name, reason: error.message };
    throw error;
  }
}

/** The images from number `first` of the list on. Files that cannot be decoded come as their reasons. */
export const photographs = (
  { folder, images }: Listing,
  first: number,
  signal: AbortSignal,
): AsyncGenerator<Photograph | SkippedFile> =>
  mapAhead(images.slice(first), AHEAD, (listed) => {
    signal.throwIfAborted();
    return decoded(folder, listed);
  });

/** The prepared pixels of one image. Throws usage when the file is no longer what it was. */
export async function preparedImage(
  folder: string,
  { name, sha256 }: { name: string; sha256: string },
): Promise<Uint8Array> {
  const path = join(folder, name);
  const found = await decodeImage(path);
  if (found.sha256 !== sha256) {
    throw new StreamscopeError(
      'usage',
      `${path} is not the file that was collected.`,
      'Collect again with --overwrite, or give the folder that was collected with --images.',
    );
  }
  return prepare(found.pixels).data;
}

export const isPhotograph = (file: Photograph | SkippedFile): file is Photograph => 'prepared' in file;

/** Says on stderr which files were left out, and what had to be done to others. */
export function reportFiles(skipped: readonly SkippedFile[], notes: Readonly<Record<string, number>>): void {
  for (const { name, reason } of skipped.slice(0, 20)) console.error(`left out ${name}: ${reason}`);
  if (skipped.length > 20) console.error(`left out ${skipped.length - 20} more`);
  const counted = Object.entries(notes).map(([note, count]) => `${note} (${count})`);
  if (counted.length > 0) console.error(`converted: ${counted.join(', ')}`);
}

/** How many images have each note. */
export function countNotes(images: readonly { notes?: readonly string[] }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const note of images.flatMap(({ notes }) => notes ?? [])) counts[note] = (counts[note] ?? 0) + 1;
  return counts;
}
