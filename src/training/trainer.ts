// Training on the GPU: weights, momenta, the rates of all steps and one plan, which is a step. A step uploads a batch,
// submits the plan and copies the losses; nothing waits for it but who wants to know the loss. The state between two
// steps is everything the next depends on: saved and restored, training goes on to the same bytes.

import type { Gpu } from '../engine/device.ts';
import { Plan, submit } from '../engine/plan.ts';
import { gradientOf, Tape } from '../engine/tape.ts';
import { createTensor, destroy, read, type Tensor, write } from '../engine/tensor.ts';
import { StreamscopeError } from '../error.ts';
import { crossEntropy } from '../kernels/crossEntropy.ts';
import type { SgdSettings } from '../kernels/trainingReference.ts';
import { advance, sgd } from '../kernels/update.ts';
import type { Weights, WeightTensor } from '../model/weights.ts';
import type { Classifier } from './classifiers.ts';
import { isTrained } from './initialWeights.ts';

/** Normalised images [N,3,rows,rows], in a row for a linear classifier as well, and their classes [N]. */
export interface Batch {
  images: Float32Array;
  labels: Uint32Array;
}

export interface TrainerSettings extends SgdSettings {
  /** images per step; at least 2, so that the last stage's statistics mean something */
  batch: number;
  /** the learning rate of every step */
  rates: readonly number[];
  /** the plain kernels, also where faster ones would run */
  plain?: boolean;
}

/** All that the next step depends on. */
export interface TrainingState {
  /** steps done */
  step: number;
  weights: Weights;
  /** by name, those that are trained */
  momenta: Weights;
}

/** A state before the first step. */
export const startFrom = (weights: Weights): TrainingState => ({
  step: 0,
  weights,
  momenta: new Map(
    [...weights]
      .filter(([name]) => isTrained(name))
      .map(([name, { shape, data }]) => [name, { shape, data: new Float32Array(data.length) }]),
  ),
});

/** What lives on the GPU between steps. */
interface Held {
  weights: Map<string, Tensor>;
  momenta: Map<string, Tensor>;
  x: Tensor;
  labels: Tensor;
  dy: Tensor;
  rates: Tensor;
  clock: Tensor;
}

export class Trainer {
  private constructor(
    readonly gpu: Gpu,
    readonly settings: TrainerSettings,
    private readonly held: Held,
    private readonly losses: Tensor,
    private readonly plan: Plan,
    private done: number,
  ) {}

  /** Compiles a step. Destroy the trainer after use. */
  static async create(
    gpu: Gpu,
    classifier: Classifier,
    settings: TrainerSettings,
    state: TrainingState,
  ): Promise<Trainer> {
    if (settings.batch < 2)
      throw new StreamscopeError('usage', `A batch is ${settings.batch}, expected 2 images or more.`);
    const held = upload(gpu, classifier, settings, state);
    try {
      const { tape, losses } = recordStep(
        classifier,
        settings,
        held,
        settings.plain ? undefined : gpu.simdLanes,
      );
      return new Trainer(gpu, settings, held, losses, await Plan.compile(gpu, tape), state.step);
    } catch (error) {
      release(gpu, held);
      throw error;
    }
  }

  /** Steps submitted, those before a restored state included. */
  get step(): number {
    return this.done;
  }

  /** Submits a step; the promise is its mean loss. Throws 70 when that is not finite. */
  async train({ images, labels }: Batch): Promise<number> {
    const { gpu, held, settings } = this;
    if (this.done >= settings.rates.length)
      throw new StreamscopeError('bug', `train: all ${settings.rates.length} steps are done.`);
    write(gpu, held.x, images);
    write(gpu, held.labels, labels);
    submit(gpu, [this.plan]);
    const step = this.done++;
    const losses = await read(gpu, this.losses);
    const loss = losses.reduce((sum, value) => sum + value, 0) / losses.length;
    if (!Number.isFinite(loss))
      throw new StreamscopeError('bug', `The loss of step ${step} is ${loss}.`, 'Lower the learning rate.');
    return loss;
  }

  /** Reads back what the next step depends on. */
  async state(): Promise<TrainingState> {
    const step = this.done;
    const [weights, momenta] = await Promise.all([
      download(this.gpu, this.held.weights),
      download(this.gpu, this.held.momenta),
    ]);
    return { step, weights, momenta };
  }

  destroy(): void {
    this.plan.destroy();
    release(this.gpu, this.held);
  }
}

function upload(
  gpu: Gpu,
  { input }: Classifier,
  { batch, rates }: TrainerSettings,
  state: TrainingState,
): Held {
  const put = (prefix: string, source: Weights) =>
    new Map(
      [...source].map(([name, { shape, data }]) => [
        name,
        createTensor(gpu, `${prefix}${name}`, shape, { data, differentiable: isTrained(name) }),
      ]),
    );
  return {
    weights: put('', state.weights),
    momenta: put('momentum ', state.momenta),
    x: createTensor(gpu, 'images', [batch, ...input]),
    labels: createTensor(gpu, 'labels', [batch], { type: 'u32' }),
    dy: createTensor(gpu, '1 / batch', [batch], { data: new Float32Array(batch).fill(1 / batch) }),
    rates: createTensor(gpu, 'rates', [rates.length], { data: rates }),
    clock: createTensor(gpu, 'clock', [1], { type: 'u32', data: [state.step] }),
  };
}

/** Forward, loss, backward, descent, clock. */
function recordStep(
  classifier: Classifier,
  settings: TrainerSettings,
  held: Held,
  lanes: number | undefined,
): { tape: Tape; losses: Tensor } {
  const { weights, momenta, x, labels, dy, rates, clock } = held;
  const tape = new Tape();
  const logits = classifier.learn(tape, weights, x, lanes);
  const losses = tape.keep(tape.apply(crossEntropy, { x: logits, labels }));
  const gradients = tape.backward(losses, dy);
  for (const [name, m] of momenta) {
    const p = weights.get(name)!;
    tape.update(sgd(p.shape, settings), { p, m, g: gradientOf(gradients, p), rates, clock });
  }
  tape.update(advance(), { clock });
  return { tape, losses };
}

async function download(gpu: Gpu, tensors: ReadonlyMap<string, Tensor>): Promise<Weights> {
  const entries = [...tensors].map(
    async ([name, tensor]): Promise<[string, WeightTensor]> => [
      name,
      { shape: tensor.shape, data: await read(gpu, tensor) },
    ],
  );
  return new Map(await Promise.all(entries));
}

const release = (gpu: Gpu, { weights, momenta, ...others }: Held): void =>
  destroy(gpu, ...weights.values(), ...momenta.values(), ...Object.values(others));
