// What all figures share: a figure is a vega-lite specification and words, made from metrics alone. The numbers are in
// the specification, so the JSON opens in the Vega editor or Altair as it is.
//
// A point says what it is (`label`, a tooltip in the SVG) and may lead to the channel's picture (`href`).

import type { TopLevelSpec } from 'vega-lite';

export interface Figure {
  /** file name without extension: 'fig2-spectrum' */
  name: string;
  /** where the study has it: 'Fig. 2' */
  source: string;
  title: string;
  caption: string;
  spec: TopLevelSpec;
}

/** Where the picture of a channel is, if there is one. */
export type Link = (block: string, channel: number) => string | undefined;

export const COLOURS = {
  overwrite: '#b5483a',
  skip: '#2f6ea5',
  none: '#8a8a8a',
  passes: '#6a3d9a',
  withoutMix: '#e0a526',
  ink: '#222222',
  soft: '#c9c9c9',
} as const;

export const CONFIG = {
  background: 'white',
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  axis: {
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    gridColor: '#ececec',
    domainColor: '#888888',
    tickColor: '#888888',
    labelColor: '#333333',
    titleColor: '#222222',
  },
  title: {
    fontSize: 13,
    fontWeight: 600,
    subtitleFontSize: 11,
    subtitleColor: '#555555',
    anchor: 'start',
    frame: 'group',
  },
  legend: {
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    orient: 'bottom',
    symbolType: 'circle',
    symbolOpacity: 1,
    labelLimit: 300,
    titleLimit: 300,
  },
} as const;

export const SCHEMA = 'https://vega.github.io/schema/vega-lite/v6.json';

/** One panel of a figure, below or beside others. */
export type Panel = Record<string, unknown>;

/** Panels in rows of `columns`, with scales of their own. */
export const panels = (list: readonly Panel[], columns: number): TopLevelSpec =>
  ({
    $schema: SCHEMA,
    config: CONFIG,
    // plots in line with each other, whatever their labels need
    bounds: 'flush',
    spacing: { row: 100, column: 72 },
    columns,
    concat: list,
    resolve: { legend: { color: 'shared' } },
  }) as unknown as TopLevelSpec;

/** From `low` to `high` of each row that has a spread; `encoding` places it. */
export const whiskers = (encoding: Record<string, unknown> = {}): Panel => ({
  transform: [{ filter: 'datum.high > datum.low' }],
  mark: { type: 'rule', color: COLOURS.ink },
  encoding: {
    ...encoding,
    y: { field: 'low', type: 'quantitative' },
    y2: { field: 'high' },
    description: { field: 'label' },
  },
});
