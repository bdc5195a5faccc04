// The ascent of a channel's I, B and O, side by side on one device, with pictures on the way. It can be paused, made to
// go on for some steps, and stopped; what comes out is what the command line makes of the same unit, seed and settings.

import type { Role } from '../analysis/measurements.ts';
import { findTap } from '../model/taps.ts';
import { type Ascent, ascend, type Glance } from '../visualization/ascend.ts';
import { streamName } from '../visualization/campaign.ts';
import { studyJitter } from '../visualization/jitter.ts';
import { type MeasureContext, measureObjective } from '../visualization/measure.ts';
import { fromBytes, toBytes } from '../visualization/pixels.ts';
import { ANGLES, SCALES } from '../visualization/transforms.ts';
import { type AscentRequest, LEARNING_RATE, type Picture } from './protocol.ts';

export type Steering = { do: 'pause' | 'resume' | 'stop' } | { do: 'step'; steps: number };

/** The brake of an ascent: how far its units may go before they wait. */
export class Brake {
  readonly #controller = new AbortController();
  #limit = Number.POSITIVE_INFINITY;
  #furthest = 0;
  #wake: (() => void)[] = [];

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Throws the abort when the ascent is to stop. */
  steer(action: Steering): void {
    if (action.do === 'stop') this.#controller.abort();
    else if (action.do === 'resume') this.#limit = Number.POSITIVE_INFINITY;
    else this.#limit = this.#furthest + (action.do === 'step' ? action.steps : 0);
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Steps that a unit which has done so many may take at once, at least one. */
  allowed(stepsDone: number, most: number): number {
    return Math.max(1, Math.min(most, this.#limit - stepsDone));
  }

  /** Waits while a unit that has done so many steps may not go on. Throws the abort. */
  async wait(stepsDone: number): Promise<void> {
    this.#furthest = Math.max(this.#furthest, stepsDone);
    this.signal.throwIfAborted();
    while (stepsDone >= this.#limit) {
      await new Promise<void>((done) => this.#wake.push(done));
      this.signal.throwIfAborted();
    }
  }
}

export interface RoleAscent {
  role: Role;
  ascent: Ascent;
}

/** The images of a channel at `roles`. Throws the brake's abort, and what the device throws. */
export async function ascendChannel(
  context: MeasureContext,
  block: string,
  channel: number,
  roles: readonly Role[],
  settings: AscentRequest,
  brake: Brake,
  onPicture: (picture: Picture) => void,
): Promise<RoleAscent[]> {
  const { network } = context;
  const one = async (role: Role): Promise<RoleAscent> => {
    const unit = { tap: findTap(network, `${block}.${role}`), channel };
    let reached = 0;
    const look = async ({ stepsDone, histories: [{ objective, gradientNorm }], render }: Glance) => {
      reached = stepsDone;
      const [image] = await render();
      onPicture({
        kind: 'picture',
        role,
        stepsDone,
        pixels: toBytes(image, settings.size, settings.size),
        objective: Float32Array.from(objective),
        gradientNorm: Float32Array.from(gradientNorm),
      });
      if (stepsDone < settings.steps) await brake.wait(stepsDone);
    };
    const watcher = {
      look,
      get steps() {
        return brake.allowed(reached, settings.every);
      },
    };
    const target = {
      channel,
      name: streamName(network, { unit, objective: 'center' }),
      seed: settings.seed,
    };
    const jitter = settings.jitter ?? studyJitter(unit.tap);
    const [ascent] = await ascend({ ...context, signal: brake.signal, watcher }, unit.tap.place, [target], {
      objective: 'center',
      steps: settings.steps,
      learningRate: LEARNING_RATE,
      size: settings.size,
      transforms: { jitter, jitterMode: 'faithful', scales: SCALES, angles: ANGLES },
    });
    return { role, ascent };
  };
  const ascents = roles.map(one);
  try {
    return await Promise.all(ascents);
  } catch (error) {
    brake.steer({ do: 'stop' }); // the others give back what they hold before anyone goes on
    await Promise.allSettled(ascents);
    throw error;
  }
}

/** What is kept of an ascent: its pixels, and the activation on them as the command line measures it. */
export async function finished(
  context: MeasureContext,
  tap: string,
  channel: number,
  size: number,
  { status, image, objective }: Ascent,
) {
  const pixels = toBytes(image, size, size);
  const kept = { status, image, pixels, objective: Float32Array.from(objective) };
  if (status !== 'ok') return kept;
  const { place } = findTap(context.network, tap);
  const sample = { image: fromBytes(pixels), channel };
  const [activation] = await measureObjective(context, place, 'center', size, [sample]);
  return { ...kept, activation };
}
