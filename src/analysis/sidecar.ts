// The record beside an image of a run folder, and where the image is: the same wherever it was made. How records are
// read and checked is the command line's business (cli/runFolder.ts).

import type { ImageResult, ImageTask } from '../visualization/campaign.ts';
import { type ImageSettings, imageId } from './plan.ts';

/** What is recorded of a finished image, and written of it. */
export interface FinishedImage
  extends Pick<ImageResult, 'task' | 'status' | 'attempts' | 'activation' | 'pixels'> {
  ascent: {
    /** [3,n,n] */
    image: Float32Array;
    /** before every step; at least before the first and the last */
    objective: ArrayLike<number>;
  };
}

/** The files of an image below the run folder, without .png, .npy and .json. */
export const imageBase = (network: string, { unit, objective, index }: ImageTask): string =>
  `${network}/${unit.tap.module}/unit${unit.channel}/${index}_distill_${objective}`;

/** The text of an image's record. `files` are the SHA-256 of its files by name. */
export function sidecarText(
  { task, status, attempts, activation, ascent: { objective } }: FinishedImage,
  settings: ImageSettings,
  adapter: string,
  version: string,
  files: Readonly<Record<string, string>>,
): string {
  const { tap, channel } = task.unit;
  // nothing here may depend on which of a place's names was asked for, or on the images beside this one
  const sidecar = {
    image: imageId(task),
    place: tap.place,
    module: tap.module,
    channel,
    index: task.index,
    status,
    attempts,
    activation,
    objective: { first: finite(objective[0]), last: finite(objective[objective.length - 1]) },
    settings,
    adapter,
    streamscope: version,
    files,
  };
  return `${JSON.stringify(sidecar, null, 2)}\n`;
}

/** JSON has no NaN. */
const finite = (value: number | undefined): number | null => (Number.isFinite(value) ? value! : null);
