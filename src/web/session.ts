// What the worker holds: the weights, the device with the weights on it, and the ascent that is running, if any. One
// method per kind of request; nothing here knows messages.
//
// A lost device is told once, to whoever waits, and the next request asks for a new one: the page goes on.

import { weightMagnitude } from '../analysis/measureBlock.ts';
import { ROLES, type Role } from '../analysis/measurements.ts';
import { measureSeed, placesOf } from '../analysis/responses.ts';
import type { Gpu } from '../engine/device.ts';
import { StreamscopeError } from '../error.ts';
import { type Block, type Network, networkOf } from '../model/network.ts';
import { missingTensors, Parameters, requireTensors } from '../model/parameters.ts';
import { INPUT_SIZE, type Pixels, prepare } from '../model/preprocess.ts';
import { findTap, tapsOf } from '../model/taps.ts';
import { TUNING_SCALES } from '../model/tensorTransforms.ts';
import { parseWeights, type Weights, weightsHash } from '../model/weights.ts';
import { studyJitter } from '../visualization/jitter.ts';
import { CentreMeter, cropPixels, type MeasureContext } from '../visualization/measure.ts';
import { acquireDevice } from './device.ts';
import type { Result } from './protocol.ts';

interface Opened {
  name: string;
  weights: Weights;
  network: Network;
}

interface OnDevice {
  gpu: Gpu;
  parameters: Parameters;
}

export class Session {
  #opened: Opened | undefined;
  #device: OnDevice | undefined;

  /** Takes a weights file. Throws badInput for what is none, unavailable without WebGPU. */
  async open(name: string, bytes: Uint8Array): Promise<Result<'open'>> {
    const weights = parseWeights(bytes, name);
    const network = networkOf(weights, name);
    const sha256 = await weightsHash(bytes);
    this.close();
    this.#opened = { name, weights, network };
    const { gpu } = await this.device();
    const taps = tapsOf(network).map((tap) => ({
      ...tap,
      block: tap.block.name,
      served: missingTensors(network, weights, tap.place, name).length === 0,
      jitter: studyJitter(tap),
    }));
    const { adapter, kernels, isSoftware } = gpu;
    return { network: network.name, sha256, adapter, kernels, isSoftware, taps };
  }

  /** The weights in hand. Throws usage before there are any. */
  get opened(): Opened {
    if (this.#opened) return this.#opened;
    throw new StreamscopeError(
      'usage',
      'There are no weights yet.',
      'Choose a .pth or .safetensors file first.',
    );
  }

  /** The device with the weights on it; a new one after a loss. */
  async device(): Promise<OnDevice> {
    const { weights } = this.opened;
    if (this.#device) {
      try {
        this.#device.gpu.check();
      } catch {
        this.close(); // told to whoever waited when it was lost
      }
    }
    if (!this.#device) {
      const gpu = await acquireDevice();
      this.#device = { gpu, parameters: new Parameters(gpu, weights) };
    }
    return this.#device;
  }

  async context(): Promise<MeasureContext> {
    return { ...(await this.device()), network: this.opened.network };
  }

  /** A block by name. Throws usage for a block or channel there is none of, badInput where the weights lack it. */
  block(name: string, channel = 0): Block {
    const { network, weights, name: file } = this.opened;
    const { block } = findTap(network, `${name}.O`);
    if (channel >= block.channels)
      throw new StreamscopeError(
        'usage',
        `Block ${name} has no channel ${channel}.`,
        `It has channels 0 to ${block.channels - 1}.`,
      );
    requireTensors(network, weights, Object.values(placesOf(network, block)), file);
    return block;
  }

  magnitudes(name: string): Result<'magnitudes'> {
    const { batchNorm, convolution } = weightMagnitude(this.opened.weights, this.block(name));
    return { batchNorm: Array.from(batchNorm), convolution: Array.from(convolution) };
  }

  /** What I, B and O of a channel answer to its images, and O's tuning curve: the analysis' own measurements. */
  async respond(
    name: string,
    channel: number,
    size: number,
    images: Partial<Record<Role, Uint8Array>>,
  ): Promise<Result<'respond'>> {
    const block = this.block(name, channel);
    const given = ROLES.filter((role) => images[role]);
    if (given.length === 0) throw new StreamscopeError('usage', 'There is no image to show to the network.');
    const only = (role: Role) => async (c: number) => (c === channel ? images[role] : undefined);
    const sources = Object.fromEntries(given.map((role) => [role, only(role)]));
    const seed = await measureSeed(await this.context(), block, 0, { size, images: sources }, { batch: 6 });
    const row = (tap: Role) =>
      Object.fromEntries(given.map((image) => [image, seed.responses[tap][image]![channel]]));
    const { scale } = seed.invariance;
    const from = channel * TUNING_SCALES.length;
    return {
      responses: { I: row('I'), B: row('B'), O: row('O') },
      ...(scale && {
        scale: { blockOnInput: scale.blockOnInput[channel], inputOnBlock: scale.inputOnBlock[channel] },
      }),
      ...(seed.tuning && {
        tuning: {
          scales: [...TUNING_SCALES],
          answers: Array.from(seed.tuning.subarray(from, from + TUNING_SCALES.length)),
        },
      }),
    };
  }

  /** What all channels of a block answer to a photograph, cut as for the network. */
  async photograph(name: string, photo: Pixels): Promise<Result<'photograph'>> {
    const block = this.block(name);
    const { data } = prepare(photo);
    const context = await this.context();
    const places = placesOf(context.network, block);
    const meter = await CentreMeter.create(context, [...new Set(Object.values(places))], {
      size: INPUT_SIZE,
      batch: 1,
    });
    try {
      const answers = await meter.measure([cropPixels(data, INPUT_SIZE, meter.window)]);
      const of = (role: Role) => answers.get(places[role])!.slice(0, block.channels);
      return { pixels: data, I: of('I'), B: of('B'), O: of('O') };
    } finally {
      meter.destroy();
    }
  }

  close(): void {
    this.#device?.gpu.close();
    this.#device = undefined;
  }
}
