// SVG by hand: elements, linear scales, axes with round numbers.

const NAMESPACE = 'http://www.w3.org/2000/svg';

export type Attributes = Record<string, string | number>;

/** An SVG element with attributes and children. */
export function svg<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** From a range of numbers to a range of pixels. */
export interface Scale {
  (value: number): number;
  domain: readonly [number, number];
}

/** `domain` with a hundredth added at either end, so that nothing sits on the axis; a point gets a width. */
export function linear(
  values: readonly number[],
  [from, to]: readonly [number, number],
  zero = false,
): Scale {
  const finite = values.filter(Number.isFinite);
  let [low, high] = finite.length > 0 ? [Math.min(...finite), Math.max(...finite)] : [0, 1];
  if (zero) low = Math.min(0, low);
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const margin = (high - low) * 0.03;
  const [a, b] = [zero && low === 0 ? 0 : low - margin, high + margin];
  const scale = (value: number) => from + ((value - a) / (b - a)) * (to - from);
  return Object.assign(scale, { domain: [a, b] as const });
}

/** Round numbers within a domain, about `count` of them. */
export function ticks([low, high]: readonly [number, number], count: number): number[] {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

export interface Frame {
  width: number;
  height: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Room for numbers and titles around a plot of this size. */
export const frameOf = (width: number, height: number): Frame => ({
  width,
  height,
  left: 52,
  right: width - 10,
  top: 10,
  bottom: height - 40,
});

/** Both axes with their titles. */
export function axes(frame: Frame, x: Scale, y: Scale, titles: { x: string; y: string }): SVGGElement {
  const { left, right, top, bottom } = frame;
  const group = svg('g', { class: 'axes' });
  for (const value of ticks(x.domain, 6)) {
    group.append(
      svg('line', { x1: x(value), x2: x(value), y1: bottom, y2: bottom + 4 }),
      svg('text', { x: x(value), y: bottom + 16, 'text-anchor': 'middle' }, label(value)),
    );
  }
  for (const value of ticks(y.domain, 5)) {
    group.append(
      svg('line', { class: 'grid', x1: left, x2: right, y1: y(value), y2: y(value) }),
      svg('text', { x: left - 6, y: y(value) + 4, 'text-anchor': 'end' }, label(value)),
    );
  }
  const middle = (top + bottom) / 2;
  group.append(
    svg('line', { x1: left, x2: right, y1: bottom, y2: bottom }),
    svg('text', { class: 'title', x: (left + right) / 2, y: bottom + 34, 'text-anchor': 'middle' }, titles.x),
    svg(
      'text',
      { class: 'title', x: 12, y: middle, 'text-anchor': 'middle', transform: `rotate(-90 12 ${middle})` },
      titles.y,
    ),
  );
  return group;
}

const label = (value: number): string =>
  Math.abs(value) >= 1e4 ? value.toExponential(0) : String(Number(value.toPrecision(4)));
