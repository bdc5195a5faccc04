// How far an image is moved at every step, and whither.
//
// How far: the study's pixels for every tap. None while receptive fields are small, the library's default of 16
// deep in the network. Its appendix names 2.1.B and block 3.0 for 4 px; its scripts use 4 px for 2.1.O as well, as
// here. Networks with more blocks follow by stage: see docs/paper-map.md.
//
// Whither: two translations are drawn, from j and from j/2 whole numbers. `faithful` draws them from 0 up, as the
// study does, so that the finished picture sits (j-1)/2 + (j/2-1)/2 px up and left of the unit that is measured.
// `centered` moves both ranges back until their sum is symmetric about 0. The sum, not each: for the study's 4 and
// 16 all translations then stay whole numbers, and the resampling blurs as little as before.

import type { Tap } from '../model/taps.ts';

export const JITTER_MODES = ['faithful', 'centered'] as const;
export type JitterMode = (typeof JITTER_MODES)[number];

/** Pixels of jitter for the image of a tap; by place, so that two names of one place agree. */
export function studyJitter({ place }: Pick<Tap, 'place'>): number {
  if (place === 'maxpool') return 0;
  const [stage, index] = place.split('.').map(Number);
  if (stage === 1 || (stage === 2 && index === 0)) return 0;
  return stage === 2 || (stage === 3 && index === 0) ? 4 : 16;
}

export interface JitterRange {
  /** least translation in pixels */
  least: number;
  /** how many translations there are, 1 px apart */
  count: number;
}

/** What the first and the second translation are drawn from. */
export function jitterRanges(jitter: number, mode: JitterMode): { first: JitterRange; second: JitterRange } {
  const half = Math.floor(jitter / 2);
  const mean = Math.max(0, jitter - 1 + half - 1) / 2;
  const back = mode === 'faithful' ? { first: 0, second: 0 } : { first: half, second: mean - half };
  return {
    first: { least: 0 - back.first, count: jitter },
    second: { least: 0 - back.second, count: half },
  };
}
