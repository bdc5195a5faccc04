// A small plan, and run folders with images of it that nobody computed, for tests of what keeps and moves them.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { imageSettings, type PlanDocument, planDocument, runSettings } from '../../src/analysis/plan.ts';
import { writePlan } from '../../src/cli/plan.ts';
import { type Plan, readPlan } from '../../src/cli/planFile.ts';
import { type ImagePaths, pathsOf, writeImage } from '../../src/cli/runFolder.ts';
import { makeNetwork } from '../../src/model/network.ts';
import type { ImageResult, ImageTask } from '../../src/visualization/campaign.ts';

export const SIZE = 64;
export const network = makeNetwork('resnet18', 2, 10);

/** The plan of block 1.1 of a network two channels wide: 1.0.O and 1.1.B, two channels, `seeds` images each. */
export function smallPlan({ seeds = 2, steps = 4 } = {}): Promise<PlanDocument> {
  const settings = runSettings(network, 'ab'.repeat(32), {
    ...{ steps, learningRate: 0.05, size: SIZE, seed: 0, retries: 2, jitterMode: 'faithful' },
  });
  return planDocument(network, settings, { blocks: [network.blocks[1]], seeds });
}

/** Writes a plan and reads it again. */
export async function writtenPlan(path: string, document?: PlanDocument): Promise<Plan> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, writePlan(document ?? (await smallPlan())));
  return readPlan(path, network);
}

/** Writes an image as a campaign would: the same task and `fill` give the same bytes. */
export async function putImage(
  run: string,
  plan: Plan,
  task: ImageTask,
  { status = 'ok' as ImageResult['status'], fill = task.unit.channel } = {},
): Promise<ImagePaths> {
  const paths = pathsOf(run, network.name, task);
  const none = new Float32Array(0);
  const result: ImageResult = {
    task,
    jitter: 0,
    attempts: [{ seed: 0, status }],
    status,
    activation: status === 'ok' ? 1.5 : undefined,
    ascent: {
      status,
      image: new Float32Array(3 * SIZE * SIZE).fill(fill),
      objective: Float32Array.of(0, 1),
      ...{ gradientNorm: none, spectrum: none, firstMoment: none, secondMoment: none },
    },
    pixels: new Uint8Array(3 * SIZE * SIZE).fill(fill),
  };
  const settings = imageSettings(plan.document.settings, task);
  await writeImage(paths, result, settings, 'no adapter', '0.0.0');
  return paths;
}
