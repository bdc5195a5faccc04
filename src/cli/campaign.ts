// Makes the images of a list that a run folder does not have yet, and says what each came to. An image counts as done
// when its files have the hashes that its sidecar names; what is missing, torn or spoilt is made again, to the same
// bytes.

import { imageSettings, type RunSettings, runSettings } from '../analysis/plan.ts';
import type { FinishedImage } from '../analysis/sidecar.ts';
import { requireTensors } from '../model/parameters.ts';
import { type CampaignSettings, type ImageTask, visualizeImages } from '../visualization/campaign.ts';
import type { HostOptions } from './host.ts';
import { visualizeInChrome } from './inChrome.ts';
import { type OpenWeights, withGpu } from './model.ts';
import { formatDuration, Progress, type ProgressStyle } from './progress.ts';
import { finishedImage, pathsOf, type Sidecar, writeImage } from './runFolder.ts';
import { openRun } from './runSettings.ts';
import { version } from './version.ts';

export interface CampaignOptions extends CampaignSettings, HostOptions {
  out: string;
  overwrite?: boolean;
  progress: ProgressStyle;
}

/** What one image came to. */
export interface Made {
  task: ImageTask;
  status: Sidecar['status'];
  activation?: number;
  /** only with status ok */
  png?: string;
}

/**
 * All images of the list, in its order.
 * Throws when the weights do not serve a place, the folder has other settings or cannot be written, the device fails
 * or the signal aborts.
 */
export async function runCampaign(
  opened: OpenWeights,
  tasks: readonly ImageTask[],
  options: CampaignOptions,
  signal: AbortSignal,
): Promise<Made[]> {
  const { network, weights, sha256, path } = opened;
  const places = [...new Set(tasks.map(({ unit }) => unit.tap.place))];
  requireTensors(network, weights, places, path);
  const settings = runSettings(network, sha256, options);
  await openRun(options.out, settings, options.overwrite);

  const made = new Map<ImageTask, Made>();
  for (const task of tasks) {
    const paths = pathsOf(options.out, network.name, task);
    const found = options.overwrite
      ? undefined
      : await finishedImage(paths, task, imageSettings(settings, task));
    if (found) made.set(task, madeOf(task, found, paths.png));
  }
  const waiting = tasks.filter((task) => !made.has(task));
  if (made.size > 0) console.error(`${made.size} of ${tasks.length} images are already done.`);
  if (waiting.length > 0) {
    await makeImages(opened, waiting, settings, options, signal, (result) => made.set(result.task, result));
  }
  return tasks.map((task) => made.get(task)!);
}

const madeOf = (task: ImageTask, { status, activation }: Sidecar, png: string): Made => ({
  task,
  status,
  activation,
  png: status === 'ok' ? png : undefined,
});

async function makeImages(
  { network, weights, path }: OpenWeights,
  waiting: readonly ImageTask[],
  settings: RunSettings,
  options: CampaignOptions,
  signal: AbortSignal,
  onMade: (made: Made) => void,
): Promise<void> {
  const progress = new Progress(waiting.length, waiting.length * options.steps, options.progress);
  const started = performance.now();
  const onProgress = (done: number) => progress.steps(done);
  const onImage = async (result: FinishedImage, adapter: string) => {
    const { task, status, activation } = result;
    const paths = pathsOf(options.out, network.name, task);
    await writeImage(paths, result, imageSettings(settings, task), adapter, version);
    onMade({ task, status, activation, png: status === 'ok' ? paths.png : undefined });
    progress.unit();
  };
  const inNode = () =>
    withGpu({ network, weights }, async (gpu, parameters) => {
      const context = { gpu, network, parameters, signal, onProgress };
      await visualizeImages(context, waiting, options, (result) => onImage(result, gpu.adapter));
      return gpu.adapter;
    });
  const inChrome = () =>
    visualizeInChrome({ ...options, weights: path }, waiting, options, { onImage, onProgress }, signal);
  try {
    const adapter = await (options.host === 'chrome' ? inChrome() : inNode());
    const seconds = (performance.now() - started) / 1000;
    console.error(
      `${waiting.length} images of ${options.steps} steps in ${formatDuration(seconds)} on ${adapter}`,
    );
  } finally {
    progress.stop();
  }
}
