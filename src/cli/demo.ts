// npm run demo: the whole study on a network that lies beside the program and on images that are drawn here, so that
// nothing has to be downloaded: images of two blocks, their measurements, an ablation, figures and a report.

import { join } from 'node:path';
import { ablate } from './ablate.ts';
import { invariantChannels } from './channelLists.ts';
import { type ReproduceOptions, reproduce } from './reproduce.ts';
import { writeShapes } from './shapes.ts';
import { EMBEDDED } from './weights.ts';

export interface DemoOptions {
  out: string;
  steps: number;
  seeds: number;
}

/** One whose bypass is the identity, and one whose bypass is a convolution. */
const BLOCKS = ['1.1', '2.0'];
/** The block of the ablation. */
const ABLATED = '2.0';
const PHOTOGRAPHS = { count: 200, size: 224, seed: 0, split: 'held-out' } as const;

/** Prints the path of the report, and what to do next. Run again, it continues. */
export async function demo({ out, steps, seeds }: DemoOptions, signal: AbortSignal): Promise<void> {
  const images = join(out, 'shapes');
  console.error(`Drawing ${PHOTOGRAPHS.count} shapes and textures.`);
  await writeShapes({ ...PHOTOGRAPHS, out: images }, signal);
  const common = { weights: EMBEDDED, images, out, progress: 'auto' } as const;
  const options: ReproduceOptions = {
    ...common,
    ...{ blocks: BLOCKS.join(','), seeds, seed: 0, steps },
    ...{ jitterMode: 'faithful', learningRate: 0.05, size: 224, retries: 2, pixels: 'saved' },
  };
  await reproduce(options, signal);
  await ablateInvariant(common, signal);
  await reproduce(options, signal); // the report with the ablation in it; everything else is there
  console.log(`
Open ${join(out, 'report.html')} in a browser. Then:
  node dist/streamscope.js serve --run ${out}           the same channels, one click apart
  node dist/streamscope.js weights fetch resnet18       the network of the study, 47 MB
  node dist/streamscope.js reproduce --weights weights/resnet18-f37072fd.pth --images PHOTOGRAPHS --blocks 1.1 --out runs/study`);
}

/** Replaces the channels that pass the scale criteria, if any do. */
async function ablateInvariant(
  common: Pick<ReproduceOptions, 'weights' | 'out' | 'progress'> & { images: string },
  signal: AbortSignal,
): Promise<void> {
  const channels = await invariantChannels(common.out, ABLATED);
  if (channels.length === 0) {
    console.error(`No channel of block ${ABLATED} is scale invariant: nothing is ablated.`);
    return;
  }
  const what = { block: ABLATED, tap: 'O', fromRun: common.out, replacement: 'mean' } as const;
  const controls = { trials: 3, margin: 1, draws: 12, seed: 0 };
  await ablate({ ...common, ...what, ...controls, scales: [1, 1.2, 1.4], batch: 16 }, signal);
}
