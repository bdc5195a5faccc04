// streamscope plan: which images a run would make, as one JSON document on stdout, without making any. The same
// request prints the same bytes on every machine.

import {
  type PlanDocument,
  type PlanRequest,
  parseBlocks,
  parseDisplay,
  planDocument,
  runSettings,
} from '../analysis/plan.ts';
import { requireTensors } from '../model/parameters.ts';
import { tapsOf } from '../model/taps.ts';
import type { CampaignSettings } from '../visualization/campaign.ts';
import { type OpenWeights, openWeights } from './model.ts';

/** As a list of channels to display: those that the report names, which is known when all is measured. */
export const NAMED = 'named';

export interface RequestOptions {
  blocks?: string;
  seeds: number;
  /** channels by block, "all", or NAMED */
  display?: string;
}

export interface PlanOptions extends RequestOptions, Omit<CampaignSettings, 'batch'> {
  weights: string;
}

/** Throws usage for blocks or channels that are not there, badInput when the weights do not serve them. */
export function requestOf(
  { network, weights, path }: OpenWeights,
  { blocks: text, seeds, display }: RequestOptions,
): PlanRequest {
  const blocks = parseBlocks(network, text);
  const places = tapsOf(network)
    .filter(({ block }) => blocks.includes(block))
    .map(({ place }) => place);
  requireTensors(network, weights, [...new Set(places)], path);
  if (display === undefined || display === NAMED) return { blocks, seeds };
  return { blocks, seeds, display: parseDisplay(blocks, display) };
}

export const writePlan = (document: PlanDocument): string => `${JSON.stringify(document, null, 2)}\n`;

export async function plan(options: PlanOptions): Promise<void> {
  const opened = await openWeights(options.weights);
  const settings = runSettings(opened.network, opened.sha256, options);
  const document = await planDocument(opened.network, settings, requestOf(opened, options));
  process.stdout.write(writePlan(document));
}
