// Times products of ResNet18 in every kind of tile, on the adapter at hand. A tile whose results are not the very bytes
// of the guessed one's gets no time: a run must not change with its tiles.

import { outputSize } from '../kernels/conv2d.ts';
import { gemmConv } from '../kernels/gemmConv.ts';
import { type Product, TILES, type TileName, type Tiling } from '../kernels/gemmTiling.ts';
import { gradientMatrix, weightMatrix } from '../kernels/gemmWeights.ts';
import { elements, type Shape } from '../kernels/op.ts';
import type { Gpu } from './device.ts';
import { Plan, submit } from './plan.ts';
import { normals, PURPOSE, streamOf } from './random.ts';
import { timeRepeats } from './stopwatch.ts';
import { Tape } from './tape.ts';
import { createTensor, destroy, read, type Tensor } from './tensor.ts';
import { guessedTiles, tilingBy } from './tuning.ts';

/** A convolution of C channels of n x n to K, as one product: its gradient is a product like any other. */
export interface TunedConvolution {
  name: string;
  C: number;
  K: number;
  filter: number;
  stride: number;
  pad: number;
  n: number;
}

/** ResNet18 at 224 x 224, from large maps and short sums to small maps and long ones. */
export const CONVOLUTIONS: readonly TunedConvolution[] = [
  { name: 'stem to 112x112', C: 3, K: 64, filter: 7, stride: 2, pad: 3, n: 224 },
  { name: 'gradient to image', C: 64, K: 12, filter: 4, stride: 1, pad: 2, n: 112 }, // few outputs
  { name: '3x3 on 56x56', C: 64, K: 64, filter: 3, stride: 1, pad: 1, n: 56 },
  { name: '3x3 on 28x28', C: 128, K: 128, filter: 3, stride: 1, pad: 1, n: 28 },
  { name: '3x3 on 14x14', C: 256, K: 256, filter: 3, stride: 1, pad: 1, n: 14 },
  { name: '3x3 on 7x7', C: 512, K: 512, filter: 3, stride: 1, pad: 1, n: 7 },
  { name: '1x1 to 28x28', C: 64, K: 128, filter: 1, stride: 2, pad: 0, n: 56 }, // a downsampling bypass
  { name: 'gradient to 56x56', C: 128, K: 256, filter: 2, stride: 1, pad: 1, n: 28 }, // of a 3x3 of stride 2
  { name: 'window of 3x3', C: 64, K: 64, filter: 3, stride: 1, pad: 0, n: 5 }, // around a centre unit
];

/** One image, and as many as a campaign has at once. */
export const BATCHES = [1, 8];

/** A tile's time; no `ms` where its results differ. */
export interface TileTime {
  tile: TileName;
  unroll: boolean;
  ms?: number;
}

export interface TimedProduct {
  name: string;
  product: Product;
  split: number;
  times: TileTime[];
}

/** Least time of a sample, ms, and samples of each tile, in turns. */
const SAMPLE_MS = 20;
const SAMPLES = 5;
const MOST_REPEATS = 2048;

/** Times `samples` images of a convolution in every tile. Throws what the device throws. */
export async function timeTiles(
  gpu: Gpu,
  convolution: TunedConvolution,
  samples: number,
): Promise<TimedProduct> {
  const product = productOf(convolution, samples);
  const guessed = tilingBy(gpu, guessedTiles(gpu))(product);
  const inputs = inputsOf(gpu, convolution, samples);
  const subjects: Subject[] = [];
  const run = async (tiling: Tiling): Promise<Uint32Array> => {
    const subject = await subjectOf(gpu, inputs, convolution, tiling);
    subjects.push(subject);
    submit(gpu, [subject.plan]);
    return new Uint32Array((await read(gpu, subject.y)).buffer);
  };
  try {
    const expected = await run(guessed);
    const times: TileTime[] = [];
    const turns: { time: TileTime; plan: Plan }[] = [];
    for (const { tile, unroll } of candidatesFor(gpu)) {
      const time: TileTime = { tile, unroll };
      times.push(time);
      const found = await run({ ...TILES[tile], split: guessed.split, unroll });
      if (found.every((bits, i) => bits === expected[i])) turns.push({ time, plan: subjects.at(-1)!.plan });
    }
    await timeInTurns(gpu, turns);
    return { name: convolution.name, product, split: guessed.split, times };
  } finally {
    for (const { plan } of subjects) plan.destroy();
    destroy(gpu, ...Object.values(inputs));
  }
}

export function productOf({ C, K, filter, stride, pad, n }: TunedConvolution, samples: number): Product {
  const rows = outputSize(n, filter, stride, pad, pad);
  return { outputs: K, depth: C * filter * filter, positions: rows * rows, samples };
}

/** Unrolled loops take a software adapter's compiler five times as long: they are left out there. */
const candidatesFor = ({ isSoftware }: Gpu): TileTime[] =>
  (isSoftware ? [false] : [true, false]).flatMap((unroll) =>
    (Object.keys(TILES) as TileName[]).map((tile) => ({ tile, unroll })),
  );

function inputsOf(gpu: Gpu, { C, K, filter, stride, n }: TunedConvolution, samples: number) {
  const weights = [K, C, filter, filter];
  // normal numbers that repeat after a prime, which is no tensor's row
  const noise = normals({ seed: 1, stream: streamOf('tuner'), purpose: PURPOSE.test }, 65537);
  const make = (label: string, shape: Shape) => {
    const data = Float32Array.from({ length: elements(shape) }, (_, i) => noise[i % noise.length]);
    return createTensor(gpu, label, shape, { data });
  };
  return {
    x: make('x', [samples, C, n, n]),
    w: make('w', weightMatrix(weights)),
    v: createTensor(gpu, 'v', gradientMatrix(weights, stride)), // of the way back: nothing reads it here
    bias: make('bias', [K]),
  };
}

interface Subject {
  plan: Plan;
  y: Tensor;
}

async function subjectOf(
  gpu: Gpu,
  inputs: Record<string, Tensor>,
  { C, filter, stride, pad }: TunedConvolution,
  tiling: Tiling,
): Promise<Subject> {
  const tape = new Tape();
  const settings = {
    ...{ filter: [C, filter, filter] as const, stride, pad: [pad, pad, pad, pad] as const },
    rectify: true,
    tiling: () => tiling,
  };
  const y = tape.keep(tape.apply(gemmConv, inputs, settings));
  return { plan: await Plan.compile(gpu, tape), y };
}

/** Every plan has run once. All are timed once to see how often a sample must repeat them, then sampled in turns. */
async function timeInTurns(gpu: Gpu, turns: readonly { time: TileTime; plan: Plan }[]): Promise<void> {
  const timed = turns.map((turn) => ({ ...turn, repeats: 1, samples: [] as number[] }));
  for (const turn of timed) {
    const ms = await timeRepeats(gpu, turn.plan, 1);
    turn.repeats = Math.min(MOST_REPEATS, Math.max(1, Math.ceil(SAMPLE_MS / Math.max(ms, 1e-3))));
  }
  for (let i = 0; i < SAMPLES; i++)
    for (const { plan, repeats, samples } of timed) samples.push(await timeRepeats(gpu, plan, repeats));
  for (const { time, samples } of timed) time.ms = samples.sort((a, b) => a - b)[Math.floor(SAMPLES / 2)];
}
