// How often a classifier is right about labelled images.

import type { Gpu } from '../engine/device.ts';
import { Plan, submit } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import { createTensor, destroy, read, type Tensor, write } from '../engine/tensor.ts';
import { Parameters } from '../model/parameters.ts';
import type { Weights } from '../model/weights.ts';
import type { Classifier } from './classifiers.ts';
import type { Batch } from './trainer.ts';

export class Evaluator {
  private constructor(
    readonly gpu: Gpu,
    private readonly parameters: Parameters,
    private readonly x: Tensor,
    private readonly logits: Tensor,
    private readonly plan: Plan,
  ) {}

  /** For `batch` images at once. Destroy it after use. */
  static async create(
    gpu: Gpu,
    { input, classify }: Classifier,
    weights: Weights,
    batch: number,
  ): Promise<Evaluator> {
    const parameters = new Parameters(gpu, weights, 'f32'); // what was trained, however it will be stored
    const x = createTensor(gpu, 'images', [batch, ...input]);
    try {
      const tape = new Tape();
      const logits = tape.keep(classify(tape, parameters, x));
      return new Evaluator(gpu, parameters, x, logits, await Plan.compile(gpu, tape));
    } catch (error) {
      destroy(gpu, x);
      parameters.destroy();
      throw error;
    }
  }

  /** Logits [batch, classes]. */
  async logitsOf(images: Float32Array): Promise<Float32Array> {
    write(this.gpu, this.x, images);
    submit(this.gpu, [this.plan]);
    return read(this.gpu, this.logits);
  }

  /** Whether the largest logit is the label's, by image. Of equal logits the lower class counts. */
  async isRight({ images, labels }: Batch): Promise<boolean[]> {
    const logits = await this.logitsOf(images);
    const classes = logits.length / labels.length;
    return Array.from(labels, (label, n) => {
      const row = logits.subarray(n * classes, (n + 1) * classes);
      return row.indexOf(Math.max(...row)) === label;
    });
  }

  destroy(): void {
    this.plan.destroy();
    this.parameters.destroy();
    destroy(this.gpu, this.x);
  }
}
