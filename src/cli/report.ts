// streamscope report: analyses a run, draws its figures and grids, and writes report.html, which needs nothing else.
// Beside it: figures/<name>.svg, .png and .json (vega-lite), grids/<block>/<channel>.png.

import { join } from 'node:path';
import sharp from 'sharp';
import { renderSvg } from '../analysis/figures/render.ts';
import { figuresOf } from '../analysis/figures/study.ts';
import { type DrawnFigure, type Report, renderReport } from '../analysis/report.ts';
import { channelsToShow, rowId } from '../analysis/reportSections.ts';
import { type AnalyzeOptions, analyze, networkOf } from './analyze.ts';
import { writeAtomically } from './files.ts';
import { drawGrids } from './grids.ts';

export interface ReportOptions extends AnalyzeOptions {
  /** folder of the photographs, for the grids */
  images?: string;
  grids?: 'named' | 'all' | 'none';
}

const FIGURES = 'figures';
/** Pixels per inch of the PNG files; SVG has 72. */
const DENSITY = 144;

/** Throws what `analyze` throws, and badInput for pictures that cannot be read. Returns paths below the run folder. */
export async function writeReport(options: ReportOptions): Promise<{ report: Report; files: string[] }> {
  const { report, files } = await analyze(options);
  const { run, images, grids: which = 'named' } = options;
  const figures = await drawFigures(run, report);
  const sources = {
    run,
    images,
    network: networkOf(Object.values(report.provenance)),
  };
  const grids =
    which === 'none' ? [] : await drawGrids(sources, wantedGrids(report, which), channelsToShow(report));
  const page = renderReport({ report, figures, grids, figureFolder: FIGURES });
  await writeAtomically(join(run, 'report.html'), page);
  const drawn = figures.flatMap(({ figure }) =>
    ['svg', 'png', 'json'].map((extension) => `${FIGURES}/${figure.name}.${extension}`),
  );
  return { report, files: [...files, 'report.html', ...drawn, ...grids.map(({ file }) => file)] };
}

async function drawFigures(run: string, report: Report): Promise<DrawnFigure[]> {
  const figures = figuresOf(report, (block, channel) => `#${rowId(block, channel)}`);
  const drawn: DrawnFigure[] = [];
  for (const figure of figures) {
    const svg = await renderSvg(figure);
    const png = await sharp(Buffer.from(svg), { density: DENSITY }).png().toBuffer();
    const base = join(run, FIGURES, figure.name);
    await writeAtomically(`${base}.svg`, svg);
    await writeAtomically(`${base}.png`, png);
    await writeAtomically(`${base}.json`, `${JSON.stringify(figure.spec, null, 1)}\n`);
    drawn.push({ figure, svg });
  }
  return drawn;
}

function wantedGrids(report: Report, which: 'named' | 'all'): ReadonlyMap<string, readonly number[]> {
  if (which === 'named') return channelsToShow(report);
  return new Map(report.blocks.map(({ block, channels }) => [block, [...Array(channels).keys()]]));
}

export async function reportCommand(options: ReportOptions): Promise<void> {
  const { report, files } = await writeReport(options);
  const page = join(options.run, 'report.html');
  if (options.json) console.log(JSON.stringify({ page, files, comparison: report.comparison }));
  else console.log(page);
}
