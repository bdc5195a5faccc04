// The study's jitter for every tap: none while receptive fields are small, the library's default of 16 px deep in
// the network. Its appendix names 2.1.B and block 3.0 for 4 px; its scripts use 4 px for 2.1.O as well, as here.
// Networks with more blocks follow by stage: see docs/paper-map.md.

import type { Tap } from '../model/taps.ts';

/** Pixels of jitter for the image of a tap; by place, so that two names of one place agree. */
export function studyJitter({ place }: Pick<Tap, 'place'>): number {
  if (place === 'maxpool') return 0;
  const [stage, index] = place.split('.').map(Number);
  if (stage === 1 || (stage === 2 && index === 0)) return 0;
  return stage === 2 || (stage === 3 && index === 0) ? 4 : 16;
}
