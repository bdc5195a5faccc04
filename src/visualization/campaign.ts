// Many units: grouped by place and transforms into batches, each ascended, checked, measured on its saved 8-bit
// pixels, and retried with the next seed when its gradient was dead or its values diverged. Nothing here knows
// files; a finished unit is handed to `onUnit`, in an order that depends on the list alone.

import { StreamscopeError } from '../error.ts';
import { type Unit, unitName } from '../model/taps.ts';
import { type AscendContext, type AscendSettings, type Ascent, ascend, type Status } from './ascend.ts';
import { studyJitter } from './jitter.ts';
import { measureObjective } from './measure.ts';
import { fromBytes, toBytes } from './pixels.ts';
import { ANGLES, SCALES } from './transforms.ts';

export interface CampaignSettings extends Omit<AscendSettings, 'transforms'> {
  /** pixels; the study's choice by tap when absent */
  jitter?: number;
  seed: number;
  /** further seeds to try when a unit is dead or diverges */
  retries: number;
  /** units at once */
  batch: number;
}

export interface Attempt {
  seed: number;
  status: Status;
}

/** A finished unit. Only status ok has an image. */
export interface UnitResult {
  unit: Unit;
  jitter: number;
  attempts: readonly Attempt[];
  status: Status;
  ascent: Ascent;
  /** 8-bit pixels (H,W,3) of the image */
  pixels: Uint8Array;
  /** objective on these pixels, without transforms; only with status ok */
  activation?: number;
}

/** The name a unit's random numbers come from: place, channel and objective; two names of one place agree. */
export const streamName = (
  network: string,
  { tap, channel }: Unit,
  { objective }: Pick<AscendSettings, 'objective'>,
): string => `${network}/${tap.place}:${channel}/${objective}`;

export async function visualizeUnits(
  context: AscendContext,
  units: readonly Unit[],
  settings: CampaignSettings,
  onUnit: (result: UnitResult) => Promise<void>,
): Promise<void> {
  let stepsDone = 0;
  for (const batch of batchesOf(units, settings.batch)) {
    const onProgress = (done: number) =>
      context.onProgress?.(stepsDone + done * batch.length, units.length * settings.steps);
    const results = await visualizeBatch({ ...context, onProgress }, batch, settings);
    stepsDone += batch.length * settings.steps;
    for (const result of results) await onUnit(result);
  }
}

/** Units of one place together, at most `size` at a time, in the order given. */
function batchesOf(units: readonly Unit[], size: number): Unit[][] {
  const batches: Unit[][] = [];
  for (const unit of units) {
    const open = batches.find((batch) => batch[0].tap.place === unit.tap.place && batch.length < size);
    if (open) open.push(unit);
    else batches.push([unit]);
  }
  return batches;
}

async function visualizeBatch(
  context: AscendContext,
  batch: readonly Unit[],
  settings: CampaignSettings,
): Promise<UnitResult[]> {
  const { network } = context;
  const { tap } = batch[0];
  const jitter = settings.jitter ?? studyJitter(tap);
  const transforms = { jitter, scales: SCALES, angles: ANGLES };
  const results = new Map<Unit, UnitResult>();
  const attempts = new Map(batch.map((unit) => [unit, [] as Attempt[]]));
  let waiting = [...batch];
  for (let retry = 0; retry <= settings.retries && waiting.length > 0; retry++) {
    const seed = settings.seed + retry;
    const targets = waiting.map((unit) => ({
      channel: unit.channel,
      name: streamName(network.name, unit, settings),
      seed,
    }));
    const ascents = await ascend(context, tap.place, targets, { ...settings, transforms });
    waiting.forEach((unit, i) => {
      const ascent = ascents[i];
      const tried = attempts.get(unit)!;
      tried.push({ seed, status: ascent.status });
      const pixels = toBytes(ascent.image, settings.size, settings.size);
      results.set(unit, { unit, jitter, attempts: tried, status: ascent.status, ascent, pixels });
    });
    waiting = waiting.filter((unit) => results.get(unit)!.status !== 'ok');
  }
  await measure(
    context,
    settings,
    batch.map((unit) => results.get(unit)!),
  );
  return batch.map((unit) => results.get(unit)!);
}

/** Adds the activation to every result that has an image. */
async function measure(
  context: AscendContext,
  { objective, size }: CampaignSettings,
  results: readonly UnitResult[],
): Promise<void> {
  const usable = results.filter(({ status }) => status === 'ok');
  if (usable.length === 0) return;
  const samples = usable.map(({ unit, pixels }) => ({ image: fromBytes(pixels), channel: unit.channel }));
  const activations = await measureObjective(context, usable[0].unit.tap.place, objective, size, samples);
  usable.forEach((result, i) => {
    if (!Number.isFinite(activations[i])) {
      throw new StreamscopeError(
        'bug',
        `${unitName(result.unit)}: the activation of the finished image is ${activations[i]}.`,
      );
    }
    result.activation = activations[i];
  });
}
