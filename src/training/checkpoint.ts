// A state of training as tensors for one .safetensors file: the weights under torchvision's names, so that any command
// can read it; momenta as momentum/NAME; the step and the losses so far beside them.

import { StreamscopeError } from '../error.ts';
import type { Weights, WeightTensor } from '../model/weights.ts';
import { isTrained } from './initialWeights.ts';
import type { TrainingState } from './trainer.ts';

const MOMENTUM = 'momentum/';
const STEP = 'training/step';
const LOSSES = 'training/losses';

export interface Checkpoint extends TrainingState {
  /** of every step done */
  losses: readonly number[];
}

/** Everything in one map, for writeSafetensors. */
export function packCheckpoint({ step, weights, momenta, losses }: Checkpoint): Weights {
  const vector = (values: readonly number[]): WeightTensor => ({
    shape: [values.length],
    data: Float32Array.from(values),
  });
  return new Map<string, WeightTensor>([
    ...weights,
    ...[...momenta].map(([name, tensor]) => [`${MOMENTUM}${name}`, tensor] as const),
    [STEP, vector([step])],
    [LOSSES, vector(losses)],
  ]);
}

/** What packCheckpoint packed. Throws badInput when a part is missing: then the file is no checkpoint. */
export function unpackCheckpoint(tensors: Weights, fileName: string): Checkpoint {
  const momenta = new Map<string, WeightTensor>();
  const weights = new Map<string, WeightTensor>();
  for (const [name, tensor] of tensors) {
    if (name.startsWith(MOMENTUM)) momenta.set(name.slice(MOMENTUM.length), tensor);
    else if (name !== STEP && name !== LOSSES) weights.set(name, tensor);
  }
  const [step, losses] = [tensors.get(STEP)?.data[0], tensors.get(LOSSES)?.data];
  const lacking = [...weights.keys()].find((name) => isTrained(name) && !momenta.has(name));
  if (step === undefined || losses?.length !== step || lacking !== undefined)
    throw new StreamscopeError(
      'badInput',
      `${fileName} is no checkpoint: ${lacking ? `the momentum of ${lacking}` : 'its step, or a loss,'} is missing.`,
      'Train in another folder, or remove it to begin again.',
    );
  return { step, weights, momenta, losses: Array.from(losses) };
}
