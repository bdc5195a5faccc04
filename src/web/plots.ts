// The page's plots: the scatter of channels, the histogram of mix ratios, curves. Each draws into an <svg> that is
// there, and says in words what it shows.

import { axes, frameOf, linear, svg } from './svg.ts';

export interface Point {
  channel: number;
  x: number;
  y: number;
  /** 'overwrite', 'skip', 'neither': its colour */
  group: string;
  label: string;
}

interface ScatterOptions {
  titles: { x: string; y: string };
  selected: number;
  onSelect: (channel: number) => void;
}

/** Points to click. Arrow keys go from channel to channel (spectrumPanel.ts). */
export function drawScatter(target: SVGSVGElement, points: readonly Point[], options: ScatterOptions): void {
  const frame = frameOf(560, 380);
  const x = linear(
    points.map((point) => point.x),
    [frame.left, frame.right],
  );
  const y = linear(
    points.map((point) => point.y),
    [frame.bottom, frame.top],
  );
  const dots = points.map((point) => {
    const dot = svg(
      'circle',
      { cx: x(point.x), cy: y(point.y), r: 5, class: `dot ${point.group}`, 'data-channel': point.channel },
      svg('title', {}, point.label),
    );
    dot.addEventListener('click', () => options.onSelect(point.channel));
    return dot;
  });
  const chosen = points.find(({ channel }) => channel === options.selected);
  const ring = chosen ? [svg('circle', { cx: x(chosen.x), cy: y(chosen.y), r: 9, class: 'ring' })] : [];
  target.setAttribute('viewBox', `0 0 ${frame.width} ${frame.height}`);
  target.setAttribute(
    'aria-label',
    `${points.length} channels, ${options.titles.y} against ${options.titles.x}.${chosen ? ` Chosen: ${chosen.label}.` : ''}`,
  );
  target.replaceChildren(axes(frame, x, y, options.titles), ...dots, ...ring);
}

/** Counts in equal bins from 0 to `end`; the bin of `value` stands out. */
export function drawHistogram(
  target: SVGSVGElement,
  counts: readonly number[],
  end: number,
  value: number | null,
): void {
  const frame = frameOf(560, 190);
  const width = end / counts.length;
  const x = linear([0, end], [frame.left, frame.right], true);
  const y = linear([0, ...counts], [frame.bottom, frame.top], true);
  const chosen = value === null ? -1 : Math.min(Math.floor(value / width), counts.length - 1);
  const bars = counts.map((count, bin) =>
    svg(
      'rect',
      {
        x: x(bin * width) + 0.5,
        y: y(count),
        width: x(width) - x(0) - 1,
        height: frame.bottom - y(count),
        class: bin === chosen ? 'bar chosen' : 'bar',
      },
      svg('title', {}, `M ${bin * width} to ${(bin + 1) * width}: ${count} channels`),
    ),
  );
  target.setAttribute('viewBox', `0 0 ${frame.width} ${frame.height}`);
  const where = chosen < 0 ? '' : ` The chosen channel is in the bin from ${chosen * width}.`;
  target.setAttribute('aria-label', `Mix ratios of the block in ${counts.length} bins.${where}`);
  target.replaceChildren(axes(frame, x, y, { x: 'mix ratio M', y: 'channels' }), ...bars);
}

export interface Curve {
  x: readonly number[];
  y: ArrayLike<number>;
  title: string;
}

/** A line, with a mark at `mark` of its points. */
export function drawCurve(
  target: SVGSVGElement,
  { x: xs, y: ys, title }: Curve,
  titles: { x: string; y: string },
  { height = 150, width = 300, mark }: { height?: number; width?: number; mark?: number } = {},
): void {
  const frame = frameOf(width, height);
  const values = Array.from(ys);
  const x = linear(xs, [frame.left, frame.right]);
  const y = linear(values, [frame.bottom, frame.top]);
  const points = xs.map((value, i) => `${x(value).toFixed(1)},${y(values[i]).toFixed(1)}`);
  const marked =
    mark === undefined ? [] : [svg('circle', { cx: x(xs[mark]), cy: y(values[mark]), r: 5, class: 'mark' })];
  target.setAttribute('viewBox', `0 0 ${frame.width} ${frame.height}`);
  target.setAttribute('aria-label', title);
  target.replaceChildren(
    axes(frame, x, y, titles),
    svg('polyline', { points: points.join(' '), class: 'curve' }),
    ...marked,
  );
}
