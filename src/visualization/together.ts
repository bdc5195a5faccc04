// A batch of units on several devices (engine/team.ts): each ascends its share as if there were no other. A unit's bytes do
// not depend on its batch, so nothing changes but the time.

import type { Gpu } from '../engine/device.ts';
import { deal, teamOf } from '../engine/team.ts';
import { type AscendContext, type AscendSettings, type Ascent, ascend, type Target } from './ascend.ts';

/** What devices have run before: their driver knows its kernels. */
const known = new WeakMap<Gpu, Set<string>>();

/**
 * Like ascend(), on all devices with which the context's one shares its work, unless somebody watches. Progress is the mean
 * over the units. When one device fails the others stop, and its error is thrown.
 */
export async function ascendTogether(
  context: AscendContext,
  place: string,
  targets: readonly Target[],
  settings: AscendSettings,
): Promise<Ascent[]> {
  const { gpu, parameters, onProgress } = context;
  const team = context.watcher ? [gpu] : await teamOf(gpu, targets.length);
  if (team.length < 2) return ascend(context, place, targets, settings);

  const { objective, size, transforms } = settings;
  const start = startingGun(gpu, JSON.stringify([place, objective, size, transforms]));
  const shares = deal(targets, team.length);
  const done = shares.map(() => 0);
  let reported = 0;
  const report = () => {
    const all = shares.reduce((sum, { length }, member) => sum + length * done[member], 0);
    const mean = Math.ceil(all / targets.length); // the first step of any is a sign of life
    if (mean > reported) onProgress?.(mean, settings.steps);
    reported = mean;
  };

  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(context.signal ? [context.signal] : [])]);
  const climb = async (device: Gpu, member: number) => {
    if (member > 0) await start.fired;
    signal.throwIfAborted();
    const own = {
      ...context,
      gpu: device,
      parameters: parameters.on(device),
      signal,
      onProgress: (steps: number) => {
        start.fire();
        done[member] = steps;
        report();
      },
    };
    const ascents = await ascend(own, place, shares[member], settings);
    done[member] = settings.steps; // it may have ended before, with no unit alive
    return ascents;
  };
  const climbs = team.map((device, member) =>
    climb(device, member)
      .catch((error) => {
        failed.abort(error);
        throw error;
      })
      .finally(start.fire),
  );
  const ends = await Promise.allSettled(climbs); // now all have given back what they held
  if (ends.some(({ status }) => status === 'rejected')) throw signal.reason;
  return ends.flatMap((end) => (end.status === 'fulfilled' ? end.value : []));
}

/** A driver compiles what it runs for the first time. Only one device should: the others wait until it has, once for each `key`. */
function startingGun(gpu: Gpu, key: string): { fired: Promise<void>; fire: () => void } {
  const keys = known.get(gpu) ?? new Set();
  known.set(gpu, keys);
  let open = () => {};
  const fired = new Promise<void>((resolve) => {
    open = resolve;
  });
  const fire = () => {
    keys.add(key);
    open();
  };
  if (keys.has(key)) fire();
  return { fired, fire };
}
