// streamscope visualize: the images that most excite chosen units. Finished images are kept; the same command again
// does only what is missing.

import { tasksOf } from '../analysis/plan.ts';
import { parseUnits, unitName } from '../model/taps.ts';
import type { ObjectiveKind } from '../visualization/ascend.ts';
import { type CampaignOptions, type Made, runCampaign } from './campaign.ts';
import { openWeights } from './model.ts';

export interface VisualizeOptions extends CampaignOptions {
  weights: string;
  units: string;
  objective: ObjectiveKind;
  /** images per unit */
  seeds: number;
  json?: boolean;
}

/** Throws when a unit's tap is unknown or not in the file, the folder cannot be written, or the device fails. */
export async function visualize(options: VisualizeOptions, signal: AbortSignal): Promise<Made[]> {
  const opened = await openWeights(options.weights);
  const units = parseUnits(opened.network, options.units);
  const made = await runCampaign(opened, tasksOf(units, options.objective, options.seeds), options, signal);
  for (const image of made) print(image, options);
  return made;
}

function print({ task, status, activation, png }: Made, { json, seeds }: VisualizeOptions): void {
  const unit = unitName(task.unit);
  const name = seeds > 1 ? `${unit} #${task.index}` : unit;
  if (json) console.log(JSON.stringify({ unit, index: task.index, status, activation, png }));
  else if (status === 'ok') console.log(`${name}  activation ${activation!.toFixed(3)}  ${png}`);
  else console.log(`${name}  ${status}: no image. Every seed that was tried ended so; --retries tries more.`);
}
