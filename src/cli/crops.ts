// The photographs that excite some unit most or least, cut to what the network sees: one shared PNG per image,
// RUN/<network>/crops/<number>.png, numbered as in collected.json. PNG loses nothing: read back, it is the same input.

import { join } from 'node:path';
import type { Network } from '../model/network.ts';
import { INPUT_SIZE } from '../model/preprocess.ts';
import { encodePng } from '../visualization/png.ts';
import { type CollectedImage, readPlace } from './collected.ts';
import { readIfPresent, writeAtomically } from './files.ts';
import { preparedImage } from './photographs.ts';

/** Writes those that are missing, for the extremes of all units at `places`; `folder` is where the images are. */
export async function writeCrops(
  run: string,
  folder: string,
  network: Network,
  images: readonly CollectedImage[],
  places: readonly string[],
): Promise<void> {
  const wanted = new Set<number>();
  for (const place of places) {
    const { top, bottom } = await readPlace(run, network, place);
    for (const image of [...top, ...bottom].flat()) wanted.add(image);
  }
  const crops = join(run, network.name, 'crops');
  for (const image of wanted) {
    const path = join(crops, `${image}.png`);
    if (await readIfPresent(path)) continue;
    const pixels = await preparedImage(folder, images[image]);
    await writeAtomically(path, encodePng(pixels, INPUT_SIZE, INPUT_SIZE));
  }
  console.error(`${wanted.size} images in ${crops}`);
}
