// The points and lines of `bench scaling` as an SVG: three panels, measured points with their quartiles on the fitted
// line. Drawn by Vega-Lite from the document alone, so that a stored result can be drawn again.

import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { Line } from './fit.ts';
import type { Point, ScalingDocument } from './scaling.ts';

const MEASURED = '#1f6f8b';
const FITTED = '#9aa5ab';

interface Dot {
  x: number;
  y: number;
  low: number;
  high: number;
  label: string;
}

/** One panel: the line from 0 to the last point, then the points. */
function panel(title: string, xTitle: string, yTitle: string, dots: readonly Dot[], line: Line | undefined) {
  const end = Math.max(...dots.map(({ x }) => x));
  const ends = line ? [0, end].map((x) => ({ x, y: line.intercept + line.slope * x })) : [];
  const position = (y: string) => ({
    x: { field: 'x', type: 'quantitative', title: xTitle },
    y: { field: y, type: 'quantitative', title: yTitle, scale: { zero: true } },
  });
  const subtitle = line
    ? `${line.intercept.toPrecision(3)} + ${line.slope.toPrecision(3)} x; residual ${(100 * line.residual).toFixed(1)} % of the mean`
    : '';
  const data = { values: [...dots] };
  const text = { type: 'text', align: 'right', dx: -6, dy: -5, fontSize: 9, color: '#444' };
  return {
    title: {
      text: title,
      subtitle,
      anchor: 'start',
      fontSize: 12,
      subtitleFontSize: 10,
      subtitleColor: '#666',
    },
    width: 250,
    height: 190,
    layer: [
      { data: { values: ends }, mark: { type: 'line', color: FITTED }, encoding: position('y') },
      {
        data,
        mark: { type: 'rule', color: MEASURED },
        encoding: { ...position('low'), y2: { field: 'high' } },
      },
      { data, mark: { type: 'point', filled: true, size: 36, color: MEASURED }, encoding: position('y') },
      { data, mark: text, encoding: { ...position('y'), text: { field: 'label' } } },
    ],
  };
}

const timeDot = (x: number, { ms, tap }: Point, labelled: boolean): Dot => ({
  x,
  y: ms!.median,
  low: ms!.low,
  high: ms!.high,
  label: labelled ? tap : '',
});

/** Blocks (their sums), from the most work down, as far apart as names need: labels of all would overlap. */
function labelled(taps: readonly Point[]): Set<Point> {
  const blocks = taps.filter(({ tap }) => tap.endsWith('O')).sort((a, b) => b.mflop! - a.mflop!);
  const apart = 0.04 * (blocks[0]?.mflop ?? 0);
  const found: Point[] = [];
  for (const point of blocks) {
    const last = found.at(-1);
    if (!last || last.mflop! - point.mflop! >= apart) found.push(point);
  }
  return new Set(found);
}

/** The chart as SVG text. */
export async function scalingChart(
  document: ScalingDocument & { adapter: { name: string }; machine: { cores: number; cpu: string } },
): Promise<string> {
  const { lines, adapter, machine } = document;
  const [units, taps] = [document.units, document.taps].map((points) => points.filter(({ ms }) => ms));
  const tap = units[0]?.tap ?? '';
  const batch = taps[0]?.units ?? 0;
  const memory = units.map((p) => {
    const y = p.liveBytes! / 2 ** 20;
    return { x: p.units, y, low: y, high: y, label: '' };
  });
  const named = labelled(taps);
  const work = taps.map((p) => timeDot(p.mflop! / 1000, p, named.has(p)));
  const spec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: {
      text: `One step: ${adapter.name}, ${machine.cores} cores of ${machine.cpu}`,
      fontSize: 11,
      color: '#444',
    },
    background: 'white',
    spacing: 30,
    config: { font: 'sans-serif', view: { stroke: null }, axis: { gridColor: '#eee' } },
    hconcat: [
      panel(
        `Time against units, ${tap}`,
        'units',
        'ms per step',
        units.map((p) => timeDot(p.units, p, false)),
        lines.msByUnits,
      ),
      panel(`Memory against units, ${tap}`, 'units', 'MiB in buffers', memory, lines.memoryByUnits),
      panel(`Time against work, ${batch} units`, 'GFLOP per step', 'ms per step', work, lines.msByWork),
    ].filter((_, i) => (i < 2 ? units : taps).length > 0),
  };
  const view = new vega.View(vega.parse(compile(spec as unknown as TopLevelSpec).spec), { renderer: 'none' });
  return view.toSVG();
}
