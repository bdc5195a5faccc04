// `shapes`: generated images as files, one folder per class, for every command that takes photographs. The folders begin
// with the number of the class, so that their order is the network's.

import { join } from 'node:path';
import { CLASSES, type Split, shapeImage } from '../training/shapes.ts';
import { encodePng } from '../visualization/png.ts';
import { ensureFolder, writeAtomically } from './files.ts';

export interface ShapesOptions {
  out: string;
  count: number;
  /** rows and columns */
  size: number;
  seed: number;
  split: Split;
}

/** Writes images 0 .. count - 1 of a split and prints the folder. Throws AbortError when stopped. */
export async function shapes(options: ShapesOptions, signal: AbortSignal): Promise<void> {
  await writeShapes(options, signal);
  console.log(options.out);
}

export async function writeShapes(
  { out, count, size, seed, split }: ShapesOptions,
  signal: AbortSignal,
): Promise<void> {
  const folders = CLASSES.map((name, label) => join(out, `${label}-${name}`));
  for (const folder of folders) await ensureFolder(folder);
  const digits = String(count - 1).length;
  for (let i = 0; i < count; i++) {
    signal.throwIfAborted();
    const { label, data } = shapeImage(seed, split, i, size);
    const name = `${String(i).padStart(digits, '0')}.png`;
    await writeAtomically(join(folders[label], name), await encodePng(data, size, size));
  }
}
