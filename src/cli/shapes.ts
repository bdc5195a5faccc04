// `shapes`: generated images as files, one folder per class, for every command that takes photographs. The folders begin
// with the number of the class, so that their order is the network's.

import { join, relative } from 'node:path';
import { StreamscopeError } from '../error.ts';
import { CLASSES, type Split, shapeImage } from '../training/shapes.ts';
import { encodePng } from '../visualization/png.ts';
import { ensureFolder, filesBelow, removeAbandoned, writeAtomically } from './files.ts';

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

/** Throws usage, when all are drawn, where the folder holds other files: they would count as photographs, too. */
export async function writeShapes(
  { out, count, size, seed, split }: ShapesOptions,
  signal: AbortSignal,
): Promise<void> {
  const folders = CLASSES.map((name, label) => join(out, `${label}-${name}`));
  for (const folder of folders) await ensureFolder(folder);
  await removeAbandoned(out);
  const drawn = new Set<string>();
  for (let i = 0; i < count; i++) {
    signal.throwIfAborted();
    const { label, data } = shapeImage(seed, split, i, size);
    const path = join(folders[label], `${String(i).padStart(6, '0')}.png`);
    await writeAtomically(path, await encodePng(data, size, size));
    drawn.add(relative(out, path));
  }
  const others = (await filesBelow(out)).filter((path) => !drawn.has(path));
  if (others.length > 0)
    throw new StreamscopeError(
      'usage',
      `${out} holds files that were not drawn (${others.length}), ${others[0]} for one.`,
      'Remove them, or give another folder with --out: they would be taken for photographs.',
    );
}
