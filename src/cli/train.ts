// `train`: a network from scratch on generated images. RUN/training.json holds the settings, RUN/checkpoint.safetensors
// the state, replaced every so many steps and when a signal comes; at the end RUN/weights.safetensors, for every other
// command, and RUN/accuracy.json on images that were never trained on. Nothing there holds a time: an interrupted
// training ends in the same bytes.

import { join } from 'node:path';
import * as v from 'valibot';
import { Gpu } from '../engine/device.ts';
import { StreamscopeError } from '../error.ts';
import type { Shape } from '../kernels/op.ts';
import { makeNetwork } from '../model/network.ts';
import { writeSafetensors } from '../model/safetensors.ts';
import { parseWeights, type Weights } from '../model/weights.ts';
import { type Accuracy, type Answer, accuracyOf } from '../training/accuracy.ts';
import { type Checkpoint, packCheckpoint, unpackCheckpoint } from '../training/checkpoint.ts';
import { type Classifier, linearClassifier, residualNetwork } from '../training/classifiers.ts';
import { Evaluator } from '../training/evaluate.ts';
import { initialWeights } from '../training/initialWeights.ts';
import { learningRates } from '../training/schedule.ts';
import { CLASSES, shapeBatch } from '../training/shapes.ts';
import { startFrom, Trainer } from '../training/trainer.ts';
import { ensureFolder, readIfPresent, removeAbandoned, writeAtomically } from './files.ts';
import { parseJson } from './jsonFiles.ts';
import { type OpenTensors, openTensors } from './model.ts';
import type { ProgressStyle } from './progress.ts';
import { settingsDifference } from './runFolder.ts';
import { TrainingProgress } from './trainingProgress.ts';
import { version } from './version.ts';

/** What the weights depend on, apart from the adapter. */
export interface TrainSettings {
  model: 'resnet18' | 'linear';
  width: number;
  size: number;
  batch: number;
  steps: number;
  learningRate: number;
  warmup: number;
  momentum: number;
  weightDecay: number;
  seed: number;
  /** SHA-256 of the weights it begins with; null: random ones */
  from: string | null;
}

export interface TrainOptions extends Omit<TrainSettings, 'from'> {
  out: string;
  /** a weights file to begin with */
  from?: string;
  heldOut: number;
  checkpointEvery: number;
  json?: boolean;
  progress: ProgressStyle;
}

const recordSchema = v.looseObject({ settings: v.record(v.string(), v.unknown()) });

/**
 * Trains, or continues, and prints the accuracy. Throws usage for other settings in the same folder or an impossible
 * schedule, badInput for a damaged checkpoint, AbortError when stopped.
 */
export async function train(options: TrainOptions, signal: AbortSignal): Promise<void> {
  const { out, model, width, size, batch, steps, learningRate, warmup, momentum, weightDecay, seed } =
    options;
  const from = options.from === undefined ? undefined : await openTensors(options.from);
  const settings = {
    ...{ model, width, size, batch, steps, learningRate, warmup, momentum, weightDecay, seed },
    from: from?.sha256 ?? null,
  };
  const rates = learningRates({ steps, warmup, peak: learningRate });
  await openTraining(out, settings);
  const classifier =
    model === 'linear'
      ? linearClassifier(CLASSES.length, size)
      : residualNetwork(makeNetwork('resnet18', width, CLASSES.length), size);
  const start = await startOf(out, classifier, seed, from);
  const gpu = await Gpu.acquire();
  try {
    const trainer = await Trainer.create(
      gpu,
      classifier,
      { batch, rates, momentum, decay: weightDecay },
      start,
    );
    const losses = [...start.losses];
    await trainOn(options, trainer, losses, signal);
    const { weights } = await trainer.state();
    const accuracy = await evaluate(options, classifier, gpu, weights);
    await finish(options, { weights, settings, accuracy, adapter: gpu.adapter });
  } finally {
    gpu.close();
  }
}

/** Makes the folder and training.json, or checks that it was begun with the same settings. */
async function openTraining(out: string, settings: TrainSettings): Promise<void> {
  await ensureFolder(out);
  await removeAbandoned(out);
  const path = join(out, 'training.json');
  const bytes = await readIfPresent(path);
  if (!bytes) {
    await writeAtomically(path, `${JSON.stringify({ streamscope: version, settings }, null, 2)}\n`);
    return;
  }
  let before: object;
  try {
    before = v.parse(recordSchema, parseJson(bytes)).settings;
  } catch {
    throw new StreamscopeError('badInput', `${path} is damaged.`, 'Train in another folder.');
  }
  const difference = settingsDifference(before, settings);
  if (difference)
    throw new StreamscopeError(
      'usage',
      `${out} was begun with other settings: ${difference}.`,
      'Choose another folder with --out, or give the settings it was begun with.',
    );
}

const checkpointOf = (out: string): string => join(out, 'checkpoint.safetensors');

/** Where the folder's training stands, or the state before the first step. */
async function startOf(
  out: string,
  { tensors }: Classifier,
  seed: number,
  from: OpenTensors | undefined,
): Promise<Checkpoint> {
  const path = checkpointOf(out);
  const bytes = await readIfPresent(path);
  if (!bytes) {
    const weights = from ? onlyThese(tensors, from.weights, from.path) : initialWeights(tensors, seed);
    return { ...startFrom(weights), losses: [] };
  }
  const checkpoint = unpackCheckpoint(parseWeights(bytes, path), path);
  onlyThese(tensors, checkpoint.weights, path);
  console.error(`${path}: continuing after step ${checkpoint.step}.`);
  return checkpoint;
}

/** The tensors that are trained, of a file that may have more. Throws badInput when one is missing or has another shape. */
function onlyThese(tensors: ReadonlyMap<string, Shape>, weights: Weights, path: string): Weights {
  return new Map(
    [...tensors].map(([name, shape]) => {
      const found = weights.get(name);
      if (found?.shape.join() === shape.join()) return [name, found];
      throw new StreamscopeError(
        'badInput',
        `${path}: ${name} is ${found ? `[${found.shape}]` : 'missing'}, expected [${shape}].`,
        'Give --width, --size and --model as it was trained with.',
      );
    }),
  );
}

/** All steps that are left. While one runs, the next batch is drawn. */
async function trainOn(
  { out, batch, size, steps, seed, checkpointEvery, progress: style }: TrainOptions,
  trainer: Trainer,
  losses: number[],
  signal: AbortSignal,
): Promise<void> {
  const first = trainer.step;
  const progress = new TrainingProgress(steps, style, first);
  let pending: Promise<number> | undefined;
  const settle = async () => {
    if (!pending) return;
    losses.push(await pending);
    pending = undefined;
    progress.show(losses.length, losses.at(-1)!);
  };
  const save = async () => {
    await settle();
    const packed = packCheckpoint({ ...(await trainer.state()), losses });
    await writeAtomically(checkpointOf(out), writeSafetensors(packed));
    if (style !== 'none') console.error(`checkpoint after step ${trainer.step}`);
  };
  while (trainer.step < steps && !signal.aborted) {
    const images = shapeBatch(seed, 'training', { first: trainer.step * batch, count: batch, size });
    await settle();
    pending = trainer.train(images);
    if (trainer.step % checkpointEvery === 0 && trainer.step < steps) await save();
  }
  if (trainer.step > first) await save();
  signal.throwIfAborted();
}

async function evaluate(
  { batch, size, seed, heldOut }: TrainOptions,
  classifier: Classifier,
  gpu: Gpu,
  weights: Weights,
): Promise<Accuracy> {
  const evaluator = await Evaluator.create(gpu, classifier, weights, batch);
  const answers: Answer[] = [];
  for (let first = 0; first < heldOut; first += batch) {
    const images = shapeBatch(seed, 'held-out', { first, count: batch, size });
    const right = await evaluator.isRight(images);
    right.forEach((isRight, n) => {
      answers.push({ label: images.labels[n], scale: images.scales[n], right: isRight });
    });
  }
  evaluator.destroy();
  return accuracyOf(answers.slice(0, heldOut));
}

/** Writes weights and accuracy, and says what came of it. */
async function finish(
  { out, json }: TrainOptions,
  { weights, ...trained }: { weights: Weights; settings: TrainSettings; accuracy: Accuracy; adapter: string },
): Promise<void> {
  const path = join(out, 'weights.safetensors');
  const { settings, accuracy, adapter } = trained;
  const metadata = { trained: JSON.stringify(settings), adapter, streamscope: version };
  await writeAtomically(path, writeSafetensors(weights, metadata));
  const record = { settings, adapter, streamscope: version, classes: CLASSES, accuracy };
  await writeAtomically(join(out, 'accuracy.json'), `${JSON.stringify(record, null, 1)}\n`);
  if (json) {
    console.log(JSON.stringify({ path, ...record }));
    return;
  }
  const percent = (value: number | null) => (value === null ? 'no images' : `${(100 * value).toFixed(1)} %`);
  console.log(`accuracy ${percent(accuracy.accuracy)} of ${accuracy.images} held-out images`);
  for (const [name, share] of Object.entries(accuracy.byClass))
    console.log(`  ${name}  ${percent(share.accuracy)}`);
  for (const { from, to, accuracy: share } of accuracy.byScale)
    console.log(`  scale ${from.toFixed(2)} to ${to.toFixed(2)}  ${percent(share)}`);
  console.log(path);
}
