// What a parser of untrusted files may do: give a result, or throw a StreamscopeError of code 65, within a second of
// CPU time and with no more memory than the file and 64 MiB. `refusal` and `fuzz` hold it to that, on files made by
// hand and on mutations of valid ones. STREAMSCOPE_FUZZ sets how many mutations (20,000 otherwise; 1,000,000 nightly),
// STREAMSCOPE_FUZZ_SEED where they begin. A failure names seed and round, which make the same file again.

import { getHeapStatistics } from 'node:v8';
import { expect } from 'vitest';
import { StreamscopeError } from '../../src/error.ts';

export const ROUNDS = Number(process.env.STREAMSCOPE_FUZZ ?? 20_000);
export const SEED = Number(process.env.STREAMSCOPE_FUZZ_SEED ?? 1);
/** For tests that fuzz, on a machine that may have other work: 10 ms a round. */
export const FUZZ_TIMEOUT = 60_000 + 10 * ROUNDS;

const MOST_MS = 1000;
const MOST_BYTES = 64 * 2 ** 20;

/** Bytes in use: JavaScript's heap, and buffers beside it. */
function memoryInUse(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

/** Begins to watch; the function that it returns checks what a file of `size` bytes has cost since. */
function watch(): (size: number, label: string) => void {
  const memory = memoryInUse();
  const cpu = process.cpuUsage();
  const start = performance.now();
  return (size, label) => {
    const isSlow = performance.now() - start >= MOST_MS; // waiting for other processes is no fault
    const { user, system } = process.cpuUsage(cpu);
    if (isSlow) expect((user + system) / 1000, `${label}: ms of CPU`).toBeLessThan(MOST_MS);
    // what was collected meanwhile is not seen: a bound on what is kept, and on what a parser takes at once
    const bytes = memoryInUse() - memory;
    if (bytes >= size + MOST_BYTES) expect(bytes, `${label}: bytes`).toBeLessThan(size + MOST_BYTES);
  };
}

function requireRefusal(error: unknown, label: string): string {
  if (error instanceof StreamscopeError && error.code === 65) return error.message;
  throw new Error(`${label}: not a refusal`, { cause: error });
}

/** Runs a parser that must refuse its input, and returns the message. `size`: bytes of the file, if it is large. */
export function refusal(run: () => unknown, size = 0): string {
  const check = watch();
  let error: unknown;
  try {
    run();
  } catch (caught) {
    error = caught;
  }
  check(size, 'refusal');
  return requireRefusal(error, 'refusal');
}

/** The same for what reads files. */
export async function fileRefusal(run: () => Promise<unknown>, size = 0): Promise<string> {
  const check = watch();
  const error = await run().then(
    () => undefined,
    (caught: unknown) => caught,
  );
  check(size, 'refusal');
  return requireRefusal(error, 'refusal');
}

export interface FuzzCounts {
  accepted: number;
  refused: number;
}

/** Feeds mutations of the valid files to a parser; returns how many were accepted and how many refused. */
export function fuzz(files: readonly Uint8Array[], parse: (bytes: Uint8Array) => unknown): FuzzCounts {
  const random = mulberry32(SEED);
  const counts = { accepted: 0, refused: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = mutate(files[round % files.length], random);
    const label = `seed ${SEED}, round ${round}`;
    const check = watch();
    try {
      parse(bytes);
      counts.accepted++;
    } catch (error) {
      requireRefusal(error, label);
      counts.refused++;
    }
    check(bytes.length, label);
  }
  return counts;
}

/** The same for a parser that has to wait, with as many rounds as it has time for. */
export async function fuzzAsync(
  files: readonly Uint8Array[],
  parse: (bytes: Uint8Array) => Promise<unknown>,
  rounds = ROUNDS,
): Promise<FuzzCounts> {
  const random = mulberry32(SEED);
  const counts = { accepted: 0, refused: 0 };
  for (let round = 0; round < rounds; round++) {
    const bytes = mutate(files[round % files.length], random);
    const label = `seed ${SEED}, round ${round}`;
    const check = watch();
    try {
      await parse(bytes);
      counts.accepted++;
    } catch (error) {
      requireRefusal(error, label);
      counts.refused++;
    }
    check(bytes.length, label);
  }
  return counts;
}

/** A small generator of uniform numbers in [0, 1); Tommy Ettinger's mulberry32. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const INTERESTING = [0, 1, 0x2e, 0x28, 0x52, 0x7f, 0x80, 0xff];

export function mutate(file: Uint8Array, random: () => number): Uint8Array<ArrayBuffer> {
  let bytes = Uint8Array.from(file);
  const below = (n: number) => Math.floor(random() * n);
  for (let edits = 1 + below(4); edits > 0; edits--) {
    const at = below(bytes.length + 1);
    const kind = below(7);
    if (kind === 0) bytes = splice(bytes, at, 1, [below(256)]);
    else if (kind === 1) bytes = splice(bytes, at, 1, [(bytes[at] ?? 0) ^ (1 << below(8))]);
    else if (kind === 2) bytes = splice(bytes, at, 1, [INTERESTING[below(INTERESTING.length)]]);
    else if (kind === 3) bytes = splice(bytes, at, 1 + below(8), []);
    else if (kind === 4) bytes = splice(bytes, at, 0, bytes.slice(at, at + 1 + below(32)));
    else if (kind === 5) bytes = splice(bytes, at, 4, [255, 255, 255, below(2) ? 255 : 127]);
    else if (below(4) === 0) bytes = bytes.slice(0, at);
  }
  return bytes;
}

/** Bytes with `remove` of them from `at` on replaced. */
function splice(bytes: Uint8Array, at: number, remove: number, insert: ArrayLike<number>) {
  const rest = bytes.subarray(at + remove);
  const result = new Uint8Array(at + insert.length + rest.length);
  result.set(bytes.subarray(0, at));
  result.set(insert, at);
  result.set(rest, at + insert.length);
  return result;
}
