// The learning rate of every step: up in a straight line while statistics are still wild, then down half a cosine to
// nearly 0 (Loshchilov & Hutter 2017, without restarts).

import { StreamscopeError } from '../error.ts';

export interface Schedule {
  steps: number;
  /** steps until the peak, below `steps` */
  warmup: number;
  /** the largest rate */
  peak: number;
}

/** Rates of steps 0 .. steps - 1. Throws usage when the warm-up leaves no step. */
export function learningRates({ steps, warmup, peak }: Schedule): number[] {
  if (warmup >= steps)
    throw new StreamscopeError(
      'usage',
      `The warm-up takes ${warmup} of ${steps} steps, expected fewer.`,
      'Give more steps, or a shorter --warmup.',
    );
  return Array.from({ length: steps }, (_, step) =>
    step < warmup
      ? (peak * (step + 1)) / (warmup + 1)
      : (peak * (1 + Math.cos((Math.PI * (step - warmup)) / (steps - warmup)))) / 2,
  );
}
