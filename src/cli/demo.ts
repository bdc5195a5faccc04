// npm run demo: three pictures of one channel of the residual stream, from a weights file to a contact sheet.

import { join } from 'node:path';
import { PNG } from 'pngjs';
import { StreamscopeError } from '../error.ts';
import { encodePng } from '../visualization/png.ts';
import { readBytes, writeAtomically } from './files.ts';
import { visualize } from './visualize.ts';
import { downloaded } from './weights.ts';

const UNITS = '1.1.I:19,1.1.B:19,1.1.O:19';

export interface DemoOptions {
  weights?: string;
  out: string;
  steps: number;
}

export async function demo(
  { weights = downloaded()[0], out, steps }: DemoOptions,
  signal: AbortSignal,
): Promise<void> {
  if (!weights) {
    throw new StreamscopeError(
      'unavailable',
      'The demo needs the weights of a ResNet18, and there are none yet.',
      'Download them: node dist/streamscope.js weights fetch resnet18. Or use a file: npm run demo -- --weights FILE.',
    );
  }
  console.error(
    `Channel 19 of block 1.1: what bypasses the block (I), what it adds (B) and the sum (O), ${steps} steps each.`,
  );
  const defaults = {
    objective: 'center',
    seeds: 1,
    seed: 0,
    jitterMode: 'faithful',
    learningRate: 0.05,
    size: 224,
    retries: 2,
    batch: 1,
    progress: 'auto',
  } as const;
  const results = await visualize({ weights, out, steps, units: UNITS, ...defaults }, signal);
  const pictures = results.flatMap(({ png }) => png ?? []);
  if (pictures.length === 0) return;
  const sheet = join(out, 'demo.png');
  await writeAtomically(sheet, await contactSheet(pictures));
  console.log(`\nSide by side: ${sheet}`);
  console.log('Next:');
  console.log(`  node dist/streamscope.js taps --weights ${weights}`);
  console.log(`  node dist/streamscope.js verify --weights ${weights}`);
  console.log(
    `  node dist/streamscope.js visualize --weights ${weights} --units 2.0.B:7,2.0.O:7 --steps 512 --out runs/first`,
  );
}

/** The pictures in a row, 8 white pixels apart. */
async function contactSheet(paths: readonly string[]): Promise<Uint8Array> {
  const pictures = await Promise.all(
    paths.map(async (path) => PNG.sync.read(Buffer.from(await readBytes(path)))),
  );
  const [gap, { height }] = [8, pictures[0]];
  const width = pictures.reduce((sum, picture) => sum + picture.width + gap, -gap);
  const bytes = new Uint8Array(3 * width * height).fill(255);
  let left = 0;
  for (const picture of pictures) {
    for (let y = 0; y < height; y++)
      for (let x = 0; x < picture.width; x++)
        for (let c = 0; c < 3; c++)
          bytes[3 * (y * width + left + x) + c] = picture.data[4 * (y * picture.width + x) + c];
    left += picture.width + gap;
  }
  return encodePng(bytes, height, width);
}
