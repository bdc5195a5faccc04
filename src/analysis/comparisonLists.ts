// Lists of channels, published and ours: how many they share, how many chance would, and what the published ones do
// here.

import { type ComparisonRow, row } from './comparisonRow.ts';
import type { BlockMetrics } from './metrics.ts';
import { short } from './numberText.ts';
import type { PublishedBlock } from './published.ts';

/** Longer lists are cut in words; metrics hold them whole. */
const LISTED = 12;

export function listRows(
  block: BlockMetrics,
  { robust, namedInTop, topMixes }: PublishedBlock,
): ComparisonRow[] {
  const [first] = block.seeds;
  const scale = first.invariance.scale;
  const rows = [
    listRow(
      block,
      'Fig. 8',
      'The three mixes closest to 1',
      topMixes,
      first.topMixes,
      ratesOf(block, topMixes),
    ),
  ];
  if (!scale) return rows;
  if (namedInTop) {
    const question = 'Among the three highest scale metrics (named in the text)';
    rows.push(listRow(block, 'Fig. 6', question, namedInTop, scale.top, ratesOf(block, namedInTop), true));
  }
  const both = first.robust.scale;
  if (robust && both) {
    const question = 'Pass with visualisations and with photographs';
    rows.push(listRow(block, 'Fig. 7', question, robust, both, ratesOf(block, robust)));
  }
  if (robust) {
    const question = 'Its channels pass with visualisations';
    rows.push(listRow(block, 'Fig. 7', question, robust, scale.passing, ratesOf(block, robust), true));
  }
  return rows;
}

/** "M 1.02, passes 2/3" of each published channel, over seeds. */
function ratesOf({ spread }: BlockMetrics, channels: readonly number[]): string {
  const facts = channels.map((channel) => {
    const rates = spread.invariance.scale?.channels[channel]?.rates;
    const passes = rates ? `, passes ${Math.round(rates.passes * spread.seeds)}/${spread.seeds}` : '';
    return `${channel}: M ${short(spread.mix[channel]?.mean)}${passes}`;
  });
  return facts.join('; ');
}

/**
 * Two lists of channels. What chance alone would share: a b / channels, for lists of a and b. With `within`, ours may
 * hold more than the published list.
 */
function listRow(
  block: BlockMetrics,
  place: string,
  question: string,
  published: readonly number[],
  ours: readonly number[],
  facts: string,
  within = false,
): ComparisonRow {
  const shared = published.filter((channel) => ours.includes(channel));
  const chance = (published.length * ours.length) / block.channels;
  const difference = `${shared.length} of ${published.length} shared (by chance ${short(chance)}). Published ones here: ${facts}`;
  const agrees = shared.length === published.length && (within || ours.length === published.length);
  const list = (channels: readonly number[]) => {
    const rest = channels.length - LISTED;
    if (rest > 1) return `${channels.slice(0, LISTED).join(', ')} and ${rest} more`;
    return channels.join(', ') || 'none';
  };
  return row(block, place, question, list(published), list(ours), difference, agrees);
}
