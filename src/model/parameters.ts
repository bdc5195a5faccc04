// The tensors a network needs, by torchvision's names: which ones for which places, whether a file has them in the
// right shapes, and their buffers on the GPU, uploaded when first asked for.

import type { Gpu } from '../engine/device.ts';
import { createTensor, createTexture, createTogether, destroy, type Tensor } from '../engine/tensor.ts';
import { StreamscopeError } from '../error.ts';
import { type FoldableNorm, packConvolution } from '../kernels/fusedWeights.ts';
import { gradientMatrix, packForGemm, weightMatrix } from '../kernels/gemmWeights.ts';
import type { Shape } from '../kernels/op.ts';
import { weightsAtPoints } from '../kernels/simdWinograd.ts';
import { numberToHalf } from './elements.ts';
import type { Network } from './network.ts';
import { tapsOf } from './taps.ts';
import type { Weights, WeightTensor } from './weights.ts';

const BATCH_NORM_FIELDS = {
  gamma: 'weight',
  beta: 'bias',
  mean: 'running_mean',
  variance: 'running_var',
} as const;

/** Names and shapes of the tensors behind a place ("maxpool", "1.1.B", ..., "logits"). */
export function requiredTensors(network: Network, place: string): Map<string, Shape> {
  const required = new Map<string, Shape>();
  const convolution = (conv: string, bn: string, shape: Shape) => {
    required.set(`${conv}.weight`, shape);
    for (const field of Object.values(BATCH_NORM_FIELDS)) required.set(`${bn}.${field}`, [shape[0]]);
  };
  convolution('conv1', 'bn1', [network.width, 3, 7, 7]);
  for (const { name, module, inChannels, channels, downsample } of network.blocks) {
    if (place === 'maxpool') return required;
    const bypass = () =>
      convolution(`${module}.downsample.0`, `${module}.downsample.1`, [channels, inChannels, 1, 1]);
    if (place === `${name}.I`) {
      bypass();
      return required;
    }
    convolution(`${module}.conv1`, `${module}.bn1`, [channels, inChannels, 3, 3]);
    convolution(`${module}.conv2`, `${module}.bn2`, [channels, channels, 3, 3]);
    if (place === `${name}.B`) return required;
    if (downsample) bypass();
    if (place === `${name}.O`) return required;
  }
  const width = network.blocks.at(-1)!.channels;
  required.set('fc.weight', [network.classes, width]);
  required.set('fc.bias', [network.classes]);
  return required;
}

/** Names of required tensors that the file does not have. Throws when one has another shape. */
export function missingTensors(
  network: Network,
  weights: Weights,
  place: string,
  fileName: string,
): string[] {
  const missing: string[] = [];
  for (const [name, shape] of requiredTensors(network, place)) {
    const found = weights.get(name);
    if (!found) missing.push(name);
    else if (found.shape.join() !== shape.join()) {
      throw new StreamscopeError(
        'badInput',
        `${fileName}: ${name} is [${found.shape.join(',')}], expected [${shape.join(',')}].`,
        `Is this a ${network.name}? See weights/README.md.`,
      );
    }
  }
  return missing;
}

/**
 * Throws unless the file has all that these places need, in finite numbers; the message names what is missing and what
 * still works.
 */
export function requireTensors(
  network: Network,
  weights: Weights,
  places: readonly string[],
  fileName: string,
): void {
  for (const place of places) {
    const missing = missingTensors(network, weights, place, fileName);
    if (missing.length === 0) continue;
    const served = tapsOf(network).filter(
      (tap) => missingTensors(network, weights, tap.place, fileName).length === 0,
    );
    const some =
      missing.slice(0, 3).join(', ') + (missing.length > 3 ? ` and ${missing.length - 3} more` : '');
    throw new StreamscopeError(
      'badInput',
      `${fileName} cannot serve ${place}: ${some} ${missing.length === 1 ? 'is' : 'are'} missing.`,
      served.length > 0
        ? `It serves ${served[0].name} to ${served.at(-1)!.name}.`
        : 'It serves no tap at all.',
    );
  }
  for (const name of new Set(places.flatMap((place) => [...requiredTensors(network, place).keys()])))
    requireFinite(name, weights.get(name)!, fileName);
}

/** Behind a ReLU a NaN may be a 0: it would not be seen in what a network answers. */
function requireFinite(name: string, { data }: WeightTensor, fileName: string): void {
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  throw new StreamscopeError(
    'badInput',
    `${fileName}: ${name} holds ${data[at]} at ${at}, expected finite numbers.`,
    'These weights are broken, or their training diverged; fetch or train them again.',
  );
}

/** torchvision's batch norms */
export const BATCH_NORM = { eps: 1e-5 };

/** What fusedConv and gemmConv take. */
export interface FusedTensors {
  /** of type f16 where the weights are stored so */
  w: Tensor;
  v: Tensor;
  bias: Tensor;
  /** channels, rows and columns of the filter */
  filter: readonly [number, number, number];
}

export class Parameters {
  readonly #tensors = new Map<string, Tensor>();
  /** by convolution, for the one kernel that the device runs */
  readonly #fused = new Map<string, FusedTensors>();
  /** by label */
  readonly #atPoints = new Map<string, Tensor>();
  /** the same on other devices */
  readonly #elsewhere = new Map<Gpu, Parameters>();

  constructor(
    readonly gpu: Gpu,
    readonly weights: Weights,
    /** how the weights of fused convolutions are stored; biases and everything else are float32 */
    readonly storage: 'f32' | 'f16' = gpu.float16 ? 'f16' : 'f32',
  ) {}

  /** These weights on a device, of which one is this one's own. */
  on(gpu: Gpu): Parameters {
    if (gpu === this.gpu) return this;
    const known = this.#elsewhere.get(gpu) ?? new Parameters(gpu, this.weights, this.storage);
    this.#elsewhere.set(gpu, known);
    return known;
  }

  /** The tensor of this name, uploaded once. */
  get(name: string): Tensor {
    let tensor = this.#tensors.get(name);
    if (!tensor) {
      const found = this.#found(name);
      tensor = createTensor(this.gpu, name, found.shape, { data: found.data });
      this.#tensors.set(name, tensor);
    }
    return tensor;
  }

  /** The four tensors of a batch norm, by the names its op uses. */
  batchNorm(module: string): Record<keyof typeof BATCH_NORM_FIELDS, Tensor> {
    const { gamma, beta, mean, variance } = BATCH_NORM_FIELDS;
    const get = (field: string) => this.get(`${module}.${field}`);
    return { gamma: get(gamma), beta: get(beta), mean: get(mean), variance: get(variance) };
  }

  /** A convolution with its batch norm folded in, for fusedConv; uploaded once. */
  packed(conv: string, bn: string, stride: number): FusedTensors {
    return this.#foldedOnce(conv, bn, ({ data, shape }, norm) => {
      const { w, v, bias } = packConvolution(data, shape, stride, norm);
      return createTogether(this.gpu, (create, texture) => ({
        w: texture(`${conv} packed`, w.shape, this.#stored(conv, w.data), this.storage),
        v: texture(`${conv} packed for the gradient`, v.shape, this.#stored(conv, v.data), this.storage),
        bias: create(`${conv} bias`, [bias.length], { data: bias }),
      }));
    });
  }

  /** The weights of `packed` at Winograd's points, for the directions that are wanted; uploaded once. */
  packedAtPoints(
    conv: string,
    bn: string,
    wanted: { forward: boolean; gradient: boolean },
  ): { wPoints?: Tensor; vPoints?: Tensor } {
    const once = (direction: 'w' | 'v'): Tensor => {
      const label = `${conv} at points${direction === 'v' ? ' for the gradient' : ''}`;
      const known = this.#atPoints.get(label);
      if (known) return known;
      const { data, shape } = this.#found(`${conv}.weight`);
      const packed = packConvolution(data, shape, 1, this.#norm(bn));
      const points = weightsAtPoints(packed[direction]);
      const made = createTexture(this.gpu, label, points.shape, points.data);
      this.#atPoints.set(label, made);
      return made;
    };
    return {
      ...(wanted.forward && { wPoints: once('w') }),
      ...(wanted.gradient && { vPoints: once('v') }),
    };
  }

  /** A convolution with its batch norm folded in, for gemmConv; uploaded once. */
  matrices(conv: string, bn: string, stride: number): FusedTensors {
    return this.#foldedOnce(conv, bn, ({ data, shape }, norm) => {
      const { w, v, bias } = packForGemm(data, shape, stride, norm);
      const [forward, backward] = [weightMatrix(shape), gradientMatrix(shape, stride)];
      return createTogether(this.gpu, (create) => ({
        w: create(`${conv} matrix`, forward, { data: this.#stored(conv, w), type: this.storage }),
        v: create(`${conv} matrix for the gradient`, backward, {
          data: this.#stored(conv, v),
          type: this.storage,
        }),
        bias: create(`${conv} bias`, [bias.length], { data: bias }),
      }));
    });
  }

  /** Weights with a batch norm in them as they are uploaded. Throws for one that float16 does not hold. */
  #stored(conv: string, folded: Float32Array): Float32Array | Uint16Array {
    if (this.storage === 'f32') return folded;
    const bits = Uint16Array.from(folded, numberToHalf);
    const at = bits.findIndex((half) => (half & 0x7c00) === 0x7c00);
    if (at < 0) return bits;
    throw new StreamscopeError(
      'badInput',
      `${conv}.weight times its batch norm's scale reaches ${folded[at]}, float16 ends at 65504.`,
      'Unset STREAMSCOPE_FLOAT16.',
    );
  }

  #foldedOnce(
    conv: string,
    bn: string,
    make: (weight: WeightTensor, norm: FoldableNorm) => Omit<FusedTensors, 'filter'>,
  ): FusedTensors {
    const known = this.#fused.get(conv);
    if (known) return known;
    const weight = this.#found(`${conv}.weight`);
    const [, C, R, S] = weight.shape;
    const made = { ...make(weight, this.#norm(bn)), filter: [C, R, S] as const };
    this.#fused.set(conv, made);
    return made;
  }

  #norm(bn: string): FoldableNorm {
    const [gamma, beta, mean, variance] = Object.values(BATCH_NORM_FIELDS).map(
      (field) => this.#found(`${bn}.${field}`).data,
    );
    return { gamma, beta, mean, variance, ...BATCH_NORM };
  }

  #found(name: string): WeightTensor {
    const found = this.weights.get(name);
    if (!found)
      throw new StreamscopeError(
        'badInput',
        `${name} is missing from the weights.`,
        'See weights/README.md.',
      );
    return found;
  }

  /** Frees what lies on other devices; it is uploaded again when asked for. */
  destroyElsewhere(): void {
    for (const parameters of this.#elsewhere.values()) parameters.destroy();
    this.#elsewhere.clear();
  }

  destroy(): void {
    this.destroyElsewhere();
    const fused = [...this.#fused.values()].flatMap(({ w, v, bias }) => [w, v, bias]);
    destroy(this.gpu, ...this.#tensors.values(), ...fused, ...this.#atPoints.values());
    this.#tensors.clear();
    this.#fused.clear();
    this.#atPoints.clear();
  }
}
