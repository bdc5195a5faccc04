// All figures of a report, in the order of the study. A figure without a single value is not made.

import type { BlockMetrics } from '../metrics.ts';
import { publishedOf } from '../published.ts';
import type { Report } from '../report.ts';
import { ablationFigure } from './ablation.ts';
import type { Figure, Link } from './figure.ts';
import { inhibitionFigure } from './inhibition.ts';
import { percentFigure } from './invariance.ts';
import { metricFigure } from './scaleMetric.ts';
import { spectrumFigure } from './spectrum.ts';
import { tuningFigure } from './tuning.ts';
import { weightFigure } from './weightMagnitude.ts';

/** Figs. 3 and 4 of the study leave out blocks that nearly always overwrite; so do these, where others are measured. */
function nearlyAlwaysOverwrites(measured: BlockMetrics): boolean {
  const published = publishedOf(measured);
  return published ? published.spectrum !== 'less skewed' : DOWNSAMPLE.test(measured.block);
}

/** Names of blocks whose bypass is a convolution. */
const DOWNSAMPLE = /^[2-9]\.0$/;

export function figuresOf({ blocks, ablation }: Pick<Report, 'blocks' | 'ablation'>, link: Link): Figure[] {
  const simple = blocks.filter((block) => !nearlyAlwaysOverwrites(block));
  const scattered = simple.length > 0 ? simple : blocks;
  return [
    spectrumFigure(blocks),
    weightFigure(scattered, link),
    inhibitionFigure(scattered, link),
    percentFigure(blocks, 'scale'),
    metricFigure(blocks, link),
    tuningFigure(blocks),
    percentFigure(blocks, 'flip'),
    ablationFigure(ablation ?? []),
  ].filter((figure) => figure !== undefined);
}
