// streamscope tune: times tiles of matrix products on this adapter and keeps the fastest for later runs. Results do not
// change by it, only times (engine/tuning.ts).

import { dirname } from 'node:path';
import { tuningFile } from '#gpu';
import { Gpu } from '../engine/device.ts';
import { hasTimestamps } from '../engine/stopwatch.ts';
import { chooseTiles, type TileChoice } from '../engine/tileChoice.ts';
import { BATCHES, CONVOLUTIONS, type TimedProduct, timeTiles } from '../engine/tuner.ts';
import { describeTiles, guessedTiles } from '../engine/tuning.ts';
import { type Entry, entriesOf, withTiles } from '../engine/tuningFile.ts';
import { StreamscopeError } from '../error.ts';
import { TILES } from '../kernels/gemmTiling.ts';
import { ensureFolder, readIfPresent, writeAtomically } from './files.ts';

export interface TuneOptions {
  /** only products whose names contain this */
  only: string;
  json?: boolean;
}

/** Throws usage where there is nothing to tune, io, stopped; nothing is stored then. */
export async function tune({ only, json }: TuneOptions, signal: AbortSignal): Promise<void> {
  const convolutions = CONVOLUTIONS.filter(({ name }) => name.includes(only));
  if (convolutions.length === 0) throw unknownProduct(only);
  const gpu = await Gpu.acquire();
  try {
    if (gpu.kernels !== 'gemm') throw nothingToTune(gpu);
    const file = tuningFile();
    const entries = file ? await entriesBefore(file) : [];
    if (!json) console.log(`${gpu.adapter}: ms by ${clockOf(gpu)}, * the fastest\n${HEADER}`);
    const products: TimedProduct[] = [];
    for (const convolution of convolutions)
      for (const samples of BATCHES) {
        if (signal.aborted) throw stopped();
        const timed = await timeTiles(gpu, convolution, samples);
        products.push(timed);
        if (!json) console.log(linesOf(timed).join('\n'));
      }
    const choice = chooseTiles(products, guessedTiles(gpu));
    if (file) await writeAtomically(file, withTiles(entries, gpu.info, choice.tiles));
    const { adapter } = gpu;
    if (json) console.log(JSON.stringify({ adapter, clock: clockOf(gpu), products, ...choice, file }));
    else printChoice(choice, file);
  } finally {
    gpu.close();
  }
}

/**
 * What is in the file so far. A damaged cache is begun anew, but what somebody named may be precious. Throws badInput
 * or io, before minutes of measuring.
 */
async function entriesBefore(file: string): Promise<Entry[]> {
  await ensureFolder(dirname(file));
  const bytes = await readIfPresent(file);
  try {
    return bytes ? entriesOf(new TextDecoder().decode(bytes)) : [];
  } catch (error) {
    if (!process.env.STREAMSCOPE_TUNING) return [];
    throw new StreamscopeError(
      'badInput',
      `${file} is no file of tunings: ${(error as Error).message}.`,
      'Move it, or name another file in STREAMSCOPE_TUNING.',
    );
  }
}

const stopped = (): StreamscopeError =>
  new StreamscopeError('stopped', 'Stopped: no tuning was stored.', 'Run the same command again.');

const unknownProduct = (only: string): StreamscopeError =>
  new StreamscopeError(
    'usage',
    `No product is called ${JSON.stringify(only)}.`,
    `There are: ${CONVOLUTIONS.map(({ name }) => name).join(', ')}.`,
  );

const nothingToTune = ({ kernels, adapter }: Gpu): StreamscopeError =>
  new StreamscopeError(
    'usage',
    `The ${kernels} kernels run on ${adapter}, and have no tiles to choose.`,
    'STREAMSCOPE_KERNELS=gemm tunes those for real GPUs.',
  );

const clockOf = (gpu: Gpu): string => (hasTimestamps(gpu) ? 'timestamps' : 'wall time');

const NAMES = Object.keys(TILES);
const line = (label: string, loop: string, cells: readonly string[]): string =>
  [label.padEnd(22), loop.padEnd(8), ...cells.map((cell) => cell.padStart(13))].join(' ');
const HEADER = line('product', 'loop', NAMES);

/** A line of times for unrolled loops, one for rolled ones, as far as they were timed. */
function linesOf({ name, product, times }: TimedProduct): string[] {
  const fastest = Math.min(...times.map(({ ms = Infinity }) => ms));
  const cell = (ms: number | undefined) =>
    ms === undefined ? 'other bytes' : `${ms.toPrecision(3)}${ms === fastest ? '*' : ' '}`;
  return [true, false]
    .map((unroll) => [unroll, times.filter((time) => time.unroll === unroll)] as const)
    .filter(([, own]) => own.length > 0)
    .map(([unroll, own]) =>
      line(
        `${name} x${product.samples}`,
        unroll ? 'unrolled' : 'rolled',
        own.map(({ ms }) => cell(ms)),
      ),
    );
}

function printChoice({ tiles, gain }: TileChoice, file: string | undefined): void {
  console.log(
    gain === 1
      ? `No tiles are faster than the guessed ones: ${describeTiles(tiles)}.`
      : `Chosen: ${describeTiles(tiles)}. ${gain.toFixed(2)} times as fast as the guess, by the geometric mean.`,
  );
  console.log(file ? `Stored in ${file}.` : 'Not stored, because STREAMSCOPE_TUNING is none.');
}
