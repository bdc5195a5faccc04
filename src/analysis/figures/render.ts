// A figure as SVG text, without a DOM. What a mark says of itself (aria-label) also becomes its <title>, which
// browsers show as a tooltip: the figures need no script.

import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import type { Figure } from './figure.ts';

export async function renderSvg({ name, spec }: Figure): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    return withOwnIds(withTitles(await view.toSVG()), name);
  } finally {
    view.finalize();
  }
}

/** <path aria-label="x" .../> becomes <path aria-label="x" ...><title>x</title></path>. */
export const withTitles = (svg: string): string =>
  svg.replace(
    /<(path|line|rect) aria-label="([^"]*)"([^>]*)\/>/g,
    (_, tag: string, label: string, rest: string) =>
      `<${tag} aria-label="${label}"${rest}><title>${label}</title></${tag}>`,
  );

/** Vega counts its gradients per process: names of the figure's own, so that a page may hold several figures. */
export function withOwnIds(svg: string, name: string): string {
  const ids = [...svg.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id);
  const own = new Map(ids.map((id, i) => [id, `${name}-${i}`]));
  return svg.replace(/(\bid="|url\(#)([^")]+)/g, (whole, before: string, id: string) =>
    own.has(id) ? before + own.get(id) : whole,
  );
}
