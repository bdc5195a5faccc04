// What the study says in words and numbers (arXiv 2407.05340), each with its place. Its percentages, correlations,
// F, p and scale metrics stand in pictures only (Figs. 2 to 6), so they are not here; the text gives their sign and
// whether they are significant. Channels count from 0. No values of arXiv 2504.16290 are here but its claim: the
// text at hand has none.

import { makeNetwork } from '../model/network.ts';

export type Effect = 'shown' | 'not shown';

export interface PublishedBlock {
  /** Fig. 7: pass with visualisations and with photographs, the highest SM first */
  robust?: readonly number[];
  /** Fig. 6: named in the text of section 3.2 among the three highest SM; the caption names none */
  namedInTop?: readonly number[];
  /** Fig. 8: closest to M = 1, the closest first */
  topMixes: readonly number[];
  /** section 3.2: how many channels pass the three criteria */
  invariant: 'many' | 'zero';
  /** section 3.2 and Fig. 5: without the mix ratio's criterion */
  invariantWithoutMix?: 'few' | 'appreciable';
  /** section 3.1 and Fig. 2 */
  spectrum: 'overwrite' | 'lowest bin' | 'less skewed';
  /** section 3.1 and Fig. 3: the more a channel skips, the smaller its weights; both layers, significant */
  weightMagnitude?: Effect;
  /** section 3.1 and Fig. 4, top: B(X_I) of overwrite channels significantly lower than of skip channels */
  inhibition?: Effect;
  /** section 3.1 and Fig. 4, bottom: correlations over photographs significantly lower in overwrite channels */
  curves?: Effect;
}

/** A block of some network: what the study says holds only for one as wide as its own. */
interface MeasuredBlock {
  block: string;
  channels: number;
}

const STUDIED = makeNetwork('resnet18').blocks;
const isOfStudy = ({ block, channels }: MeasuredBlock): boolean =>
  STUDIED.some((studied) => studied.name === block && studied.channels === channels);

/** What the study says of a block, if it is a block of its network. */
export const publishedOf = (measured: MeasuredBlock): PublishedBlock | undefined =>
  isOfStudy(measured) ? PUBLISHED[measured.block] : undefined;

export const PUBLISHED: Readonly<Record<string, PublishedBlock>> = {
  '1.1': {
    robust: [19],
    namedInTop: [19, 46],
    topMixes: [44, 27, 55],
    invariant: 'many',
    spectrum: 'less skewed',
    weightMagnitude: 'shown',
    inhibition: 'not shown',
    curves: 'not shown',
  },
  '2.0': {
    robust: [7, 15, 53, 3],
    namedInTop: [15],
    topMixes: [42, 9, 78],
    invariant: 'many',
    spectrum: 'overwrite',
  },
  '2.1': {
    robust: [108, 36, 13, 21, 60, 52, 93, 5, 58],
    namedInTop: [108],
    topMixes: [22, 116, 72],
    invariant: 'many',
    spectrum: 'less skewed',
    weightMagnitude: 'shown',
    inhibition: 'shown',
    curves: 'not shown',
  },
  '3.0': {
    topMixes: [105, 250, 204],
    invariant: 'zero',
    invariantWithoutMix: 'appreciable',
    spectrum: 'overwrite',
  },
  '3.1': {
    robust: [113, 178, 22, 215, 204, 25, 29, 154, 200],
    namedInTop: [113, 178],
    topMixes: [128, 246, 41],
    invariant: 'many',
    spectrum: 'less skewed',
    weightMagnitude: 'shown',
    inhibition: 'shown',
    curves: 'shown',
  },
  '4.0': {
    topMixes: [163, 3, 51],
    invariant: 'zero',
    invariantWithoutMix: 'few',
    spectrum: 'overwrite',
  },
  '4.1': {
    topMixes: [154, 68, 496],
    invariant: 'zero',
    invariantWithoutMix: 'few',
    spectrum: 'lowest bin',
  },
};

/** Fig. 1: one overwrite, one mix and one skip channel; three scale-invariant ones. */
export const PUBLISHED_EXAMPLES = {
  spectrum: { block: '1.1', overwrite: 38, mix: 19, skip: 25 },
  invariant: { block: '3.1', channels: [178, 215, 25] },
} as const;

/** The channels of a block that Fig. 1 shows. */
export function examplesOf(measured: MeasuredBlock): readonly number[] {
  const { spectrum, invariant } = PUBLISHED_EXAMPLES;
  if (!isOfStudy(measured)) return [];
  if (measured.block === spectrum.block) return [spectrum.overwrite, spectrum.mix, spectrum.skip];
  return measured.block === invariant.block ? invariant.channels : [];
}

/** The level at which a difference counts as significant here; the study does not name its own. */
export const SIGNIFICANCE = 0.05;
