// Which images of a plan a run folder holds, and in which state. Nothing is changed.

import { imageId, imageSettings } from '../analysis/plan.ts';
import type { ImageTask } from '../visualization/campaign.ts';
import type { Plan } from './planFile.ts';
import { pathsOf, readImage, readSidecar, type Sidecar, settingsDifference } from './runFolder.ts';

/**
 * ok, dead, diverged: finished, as its record says. missing: there is no record. damaged: the record cannot be read, or
 * files are not what it names. otherSettings: it is an image of another run.
 */
export const STATES = ['ok', 'dead', 'diverged', 'missing', 'damaged', 'otherSettings'] as const;
export type ImageState = (typeof STATES)[number];

export interface Found {
  state: ImageState;
  /** unless missing or damaged */
  sidecar?: Sidecar;
  /** the image's files with their bytes, where they were read */
  files?: [path: string, bytes: Uint8Array][];
  /** with otherSettings */
  difference?: string;
}

/** Looks at one image; `verify` reads its files and compares their hashes, otherwise the record is believed. */
export async function findImage(run: string, plan: Plan, task: ImageTask, verify: boolean): Promise<Found> {
  const paths = pathsOf(run, plan.network.name, task);
  const sidecar = await readSidecar(paths, task);
  if (sidecar === 'damaged') return { state: 'damaged' };
  if (!sidecar) return { state: 'missing' };
  const difference = settingsDifference(sidecar.settings, imageSettings(plan.document.settings, task));
  if (difference) return { state: 'otherSettings', sidecar, difference };
  if (!verify) return { state: sidecar.status, sidecar };
  const files = await readImage(paths, sidecar);
  return files ? { state: sidecar.status, sidecar, files } : { state: 'damaged' };
}

export const isFinished = ({ state }: Found): boolean =>
  state === 'ok' || state === 'dead' || state === 'diverged';

/** How many images are in which state, and the names of those that are not finished. */
export class Tally {
  readonly counts: Record<ImageState, number> = {
    ok: 0,
    dead: 0,
    diverged: 0,
    missing: 0,
    damaged: 0,
    otherSettings: 0,
  };
  readonly unfinished: { image: string; state: ImageState }[] = [];
  total = 0;

  add(task: ImageTask, found: Found): void {
    this.total++;
    this.counts[found.state]++;
    if (!isFinished(found)) this.unfinished.push({ image: imageId(task), state: found.state });
  }

  get finished(): number {
    return this.total - this.unfinished.length;
  }

  /** "30 of 32 images are done; dead 1, missing 2" */
  toString(): string {
    const notable = STATES.filter((state) => state !== 'ok' && this.counts[state] > 0);
    const others = notable.map((state) => `${state} ${this.counts[state]}`).join(', ');
    return `${this.finished} of ${this.total} images are done${others && `; ${others}`}`;
  }
}
