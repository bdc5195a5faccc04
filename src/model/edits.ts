// Ablation: chosen channels of a place hold a constant everywhere instead of what the network computed.
//
//   y[c] = value[c] where c is replaced, else x[c]          written as y = keep[c] x + value[c], a batch norm
//
// keep and value are tables on the GPU: one plan serves any choice of channels, rewritten between submits. What is
// kept is kept to the bit, because the batch norm divides by sqrt(1 + 0) and subtracts 0.

import type { Gpu } from '../engine/device.ts';
import type { Tape } from '../engine/tape.ts';
import { createTensor, destroy, type Tensor, write } from '../engine/tensor.ts';
import { StreamscopeError } from '../error.ts';
import { batchNorm } from '../kernels/batchNorm.ts';

/** By channel, what it holds instead. */
export type Replacements = ReadonlyMap<number, number>;

export class ChannelEdit {
  readonly #keep: Tensor;
  readonly #value: Tensor;
  readonly #zero: Tensor;
  readonly #one: Tensor;

  /** Of a place with `channels` channels; replaces nothing until told. */
  constructor(
    readonly gpu: Gpu,
    readonly channels: number,
  ) {
    const table = (label: string, value: number) =>
      createTensor(gpu, label, [channels], { data: new Float32Array(channels).fill(value) });
    this.#keep = table('kept channels', 1);
    this.#value = table('replaced channels', 0);
    this.#zero = table('zero', 0);
    this.#one = table('one', 1);
  }

  /** What `recordResnet` takes as the edit of a place. */
  readonly record = (tape: Tape, x: Tensor): Tensor => {
    const operands = { x, gamma: this.#keep, beta: this.#value, mean: this.#zero, variance: this.#one };
    return tape.apply(batchNorm, operands, { eps: 0 });
  };

  /** From the next submit on. Throws usage for a channel that the place does not have. */
  replace(replacements: Replacements): void {
    const keep = new Float32Array(this.channels).fill(1);
    const value = new Float32Array(this.channels);
    for (const [channel, constant] of replacements) {
      if (!Number.isInteger(channel) || channel < 0 || channel >= this.channels) {
        const hint = `It has channels 0-${this.channels - 1}.`;
        throw new StreamscopeError('usage', `The place has no channel ${channel} to replace.`, hint);
      }
      keep[channel] = 0;
      value[channel] = constant;
    }
    write(this.gpu, this.#keep, keep);
    write(this.gpu, this.#value, value);
  }

  destroy(): void {
    destroy(this.gpu, this.#keep, this.#value, this.#zero, this.#one);
  }
}
