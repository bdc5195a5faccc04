// Which class of the network a folder of photographs is. Folders in order are classes 0, 1, 2, ... when there are as
// many as classes, as torchvision counts them; folders named by whole numbers below the number of classes are these
// numbers; anything else needs a list of all classes, one per line in the network's order, of which the first word
// is the folder's name (as in ImageNet's LOC_synset_mapping.txt).

import { StreamscopeError } from '../error.ts';
import { readBytes } from './files.ts';
import type { Listing } from './images.ts';

const HINT =
  'Give --classes FILE: one line per class in the network’s order, the folder’s name first. The study’s order is that of the sorted ImageNet names.';

/** The class of every folder's name. Throws badInput when labels are missing or cannot be told. */
export async function classesOf(
  { folder, labels }: Listing,
  classes: number,
  file?: string,
): Promise<Map<string, number>> {
  if (!labels) {
    throw new StreamscopeError(
      'badInput',
      `The images in ${folder} have no labels, and accuracy needs them.`,
      'Give a folder that holds one folder of images per class.',
    );
  }
  if (file !== undefined) return fromFile(labels, classes, file);
  if (labels.every((label) => /^(0|[1-9]\d*)$/.test(label) && Number(label) < classes))
    return new Map(labels.map((label) => [label, Number(label)]));
  if (labels.length === classes) return new Map(labels.map((label, i) => [label, i]));
  throw new StreamscopeError(
    'badInput',
    `${folder} has ${labels.length} folders of classes, the network ${classes} classes: which is which?`,
    HINT,
  );
}

async function fromFile(
  labels: readonly string[],
  classes: number,
  file: string,
): Promise<Map<string, number>> {
  const lines = new TextDecoder()
    .decode(await readBytes(file))
    .trimEnd()
    .split(/\r?\n/);
  if (lines.length !== classes) {
    throw new StreamscopeError(
      'badInput',
      `${file} has ${lines.length} lines, expected one for each of ${classes} classes.`,
      HINT,
    );
  }
  const all = new Map(lines.map((line, i) => [line.trim().split(/\s+/)[0], i]));
  const unknown = labels.find((label) => !all.has(label));
  if (unknown !== undefined)
    throw new StreamscopeError('badInput', `${file} has no class called ${unknown}.`, HINT);
  return all;
}
