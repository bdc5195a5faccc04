// What a parser of untrusted files may do: give a result, or throw a StreamscopeError of code 65 within a second.
// `fuzz` holds it to that on mutations of valid files; STREAMSCOPE_FUZZ sets how many (2,000 otherwise;
// large numbers need vitest's --testTimeout).

import { expect } from 'vitest';
import { StreamscopeError } from '../../src/error.ts';

const ROUNDS = Number(process.env.STREAMSCOPE_FUZZ ?? 2000);

/** Runs a parser that must refuse its input, and returns the message. */
export function refusal(run: () => unknown): string {
  let error: unknown;
  try {
    run();
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(StreamscopeError);
  expect((error as StreamscopeError).code).toBe(65);
  return (error as StreamscopeError).message;
}

/** Feeds mutations of the valid files to a parser; returns how many were accepted and how many refused. */
export function fuzz(files: readonly Uint8Array[], parse: (bytes: Uint8Array) => unknown, seed = 1) {
  const random = mulberry32(seed);
  const counts = { accepted: 0, refused: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = mutate(files[round % files.length], random);
    const start = performance.now();
    try {
      parse(bytes);
      counts.accepted++;
    } catch (error) {
      if (!(error instanceof StreamscopeError) || error.code !== 65) {
        throw new Error(`seed ${seed}, round ${round}: not a refusal`, { cause: error });
      }
      counts.refused++;
    }
    expect(performance.now() - start, `seed ${seed}, round ${round}: ms`).toBeLessThan(1000);
  }
  return counts;
}

/** A small generator of uniform numbers in [0, 1); Tommy Ettinger's mulberry32. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const INTERESTING = [0, 1, 0x2e, 0x28, 0x52, 0x7f, 0x80, 0xff];

function mutate(file: Uint8Array, random: () => number): Uint8Array {
  const bytes = Array.from(file);
  const below = (n: number) => Math.floor(random() * n);
  for (let edits = 1 + below(4); edits > 0; edits--) {
    const at = below(bytes.length + 1);
    const kind = below(7);
    if (kind === 0) bytes[at] = below(256);
    else if (kind === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
    else if (kind === 2) bytes[at] = INTERESTING[below(INTERESTING.length)];
    else if (kind === 3) bytes.splice(at, 1 + below(8));
    else if (kind === 4) bytes.splice(at, 0, ...bytes.slice(at, at + 1 + below(32)));
    else if (kind === 5) bytes.splice(at, 4, ...[255, 255, 255, below(2) ? 255 : 127]);
    else if (below(4) === 0) bytes.length = at;
  }
  return Uint8Array.from(bytes);
}
