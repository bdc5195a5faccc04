// The report: everything a run found, as one HTML page that needs nothing else. Figures are inline SVG whose points
// say what they are and lead to their channel's row; grids are inline pictures.
//
// Pure: the same contents give the same page. What it holds is laid out in reportSections.ts.

import type { AblationSummary } from './ablationSummary.ts';
import type { ComparisonRow } from './comparisonRow.ts';
import type { Figure } from './figures/figure.ts';
import { type Html, html } from './html.ts';
import type { BlockMetrics } from './metrics.ts';
import type { Reading } from './readings.ts';
import {
  againstSection,
  channelSection,
  comparisonSection,
  exclusionSection,
  figureSection,
  gridSection,
  methodSection,
  summarySection,
} from './reportSections.ts';
import { STYLE } from './reportStyle.ts';
import type { BlockDifference } from './runComparison.ts';

/** What report.json holds. */
export interface Report {
  format: 'streamscope report 1';
  streamscope: string;
  reading: Reading;
  blocks: BlockMetrics[];
  comparison: ComparisonRow[];
  ablation?: AblationSummary[];
  /** the folder of photographs: files that were left out, and how many had to be converted, by reason */
  photographs?: {
    images: number;
    skipped: { name: string; reason: string }[];
    notes: Record<string, number>;
  };
  /** beside another run: its name, and what differs */
  against?: { run: string; blocks: BlockDifference[] };
  /** how each block was measured */
  provenance: Record<string, { command?: string; settings: Record<string, unknown>; adapter?: string }>;
}

export interface DrawnFigure {
  figure: Figure;
  svg: string;
}

/** A channel's grid: the file beside the page, and a small copy inside it. */
export interface DrawnGrid {
  block: string;
  channel: number;
  rows: readonly string[];
  /** relative to the page */
  file: string;
  /** data: URI; absent: the channel is in no section of the page, and the file is enough */
  preview?: string;
}

export interface ReportContents {
  report: Report;
  figures: readonly DrawnFigure[];
  grids: readonly DrawnGrid[];
  /** folder of the figures' SVG, PNG and JSON, relative to the page */
  figureFolder: string;
}

export function renderReport(contents: ReportContents): string {
  const { report } = contents;
  const sections: [id: string, title: string, body: Html | undefined][] = [
    ['summary', 'In short', summarySection(report)],
    ['comparison', 'Published and measured', comparisonSection(report.comparison)],
    ['against', 'Beside another run', againstSection(report)],
    ['figures', 'Figures', figureSection(contents)],
    ['grids', 'Channels to look at', gridSection(contents)],
    ['channels', 'All channels', channelSection(contents)],
    ['excluded', 'What was left out', exclusionSection(report)],
    ['method', 'How this was made', methodSection(report)],
  ];
  const shown = sections.flatMap(([id, title, body]) => (body ? [{ id, title, body }] : []));
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The residual stream, measured: blocks ${report.blocks.map(({ block }) => block).join(', ')}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>The residual stream, measured</h1>
<p>“Interpreting the Residual Stream of ResNet18” (arXiv 2407.05340), run again${report.comparison.length > 0 ? ': what was published beside what this run found' : ' where it says nothing'}.</p>
<nav>${shown.map(({ id, title }) => html`<a href="#${id}">${title}</a>`)}</nav>
</header>
<main>
${shown.map(({ id, title, body }) => html`<section id="${id}">\n<h2>${title}</h2>\n${body}\n</section>\n`)}
</main>
<footer>streamscope ${report.streamscope}. The same numbers: <a href="report.json">report.json</a>, <a href="channels.csv">channels.csv</a>.</footer>
</body>
</html>
`;
  return page.text;
}
