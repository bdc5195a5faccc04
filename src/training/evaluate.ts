// How often the network is right about labelled images, with running statistics: the plan that classifies shares the
// trainer's weights, so it can be asked between any two steps.

import type { Gpu } from '../engine/device.ts';
import { Plan, submit } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import { createTensor, destroy, read, type Tensor, write } from '../engine/tensor.ts';
import type { Network } from '../model/network.ts';
import { recordClassifier } from './recordClassifier.ts';
import type { Batch } from './trainer.ts';

export class Evaluator {
  private constructor(
    readonly gpu: Gpu,
    private readonly x: Tensor,
    private readonly logits: Tensor,
    private readonly plan: Plan,
  ) {}

  /** For `batch` images of `size` rows at once. Destroy it after use, and before the weights. */
  static async create(
    gpu: Gpu,
    network: Network,
    weights: ReadonlyMap<string, Tensor>,
    { batch, size }: { batch: number; size: number },
  ): Promise<Evaluator> {
    const x = createTensor(gpu, 'images', [batch, 3, size, size]);
    try {
      const tape = new Tape();
      const logits = tape.keep(recordClassifier(tape, network, weights, x, 'running'));
      return new Evaluator(gpu, x, logits, await Plan.compile(gpu, tape));
    } catch (error) {
      destroy(gpu, x);
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
    destroy(this.gpu, this.x);
  }
}
