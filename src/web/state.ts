// What the page is about, in one place: the weights, the run folder, the channel. Panels read it and are told when it
// changes; the channel is the address' own (link.ts), so the browser's back button works.

import type { Place } from './link.ts';
import type { Result, TapFacts } from './protocol.ts';
import type { Run } from './run.ts';

export interface State {
  place: Place;
  weights?: Result<'open'>;
  /** whether the weights are those that lie beside the page: nobody chose them, so anything else takes their place */
  isEmbedded: boolean;
  run?: Run;
  /** of the weights' blocks, as they were asked for */
  magnitudes: Map<string, Result<'magnitudes'>>;
}

/** The blocks that can be looked at, in order: those that the weights serve whole, and those of the run. */
export function blocksOf({ weights, run }: Pick<State, 'weights' | 'run'>): string[] {
  const taps = weights?.taps ?? [];
  const served = taps.filter(({ block }) => isServed(taps, block)).map(({ block }) => block);
  const all = new Set([...served, ...(run?.blocks ?? []).map(({ block }) => block)]);
  return [...all].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

export const isServed = (taps: readonly TapFacts[], block: string): boolean => {
  const own = taps.filter((tap) => tap.block === block);
  return own.length > 0 && own.every(({ served }) => served);
};

/** How many channels a block has; undefined for a block that cannot be looked at. */
export const channelsOf = (
  { weights, run }: Pick<State, 'weights' | 'run'>,
  block: string,
): number | undefined =>
  run?.block(block)?.channels ??
  weights?.taps.find((tap) => tap.block === block && tap.role === 'O')?.channels;
