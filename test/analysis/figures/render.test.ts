import { expect, test } from 'vitest';
import type { Figure } from '../../../src/analysis/figures/figure.ts';
import { renderSvg, withOwnIds, withTitles } from '../../../src/analysis/figures/render.ts';

test('marks that say what they are get a title; groups and bare marks stay', () => {
  const svg = '<g aria-label="a"><path aria-label="M 1 &amp; 2" d="M0"/><path d="M1"/></g>';
  expect(withTitles(svg)).toBe(
    '<g aria-label="a"><path aria-label="M 1 &amp; 2" d="M0"><title>M 1 &amp; 2</title></path><path d="M1"/></g>',
  );
});

test('a point has its label as a tooltip and its link, both escaped', async () => {
  const figure = {
    spec: {
      data: { values: [{ x: 1, y: 2, label: 'channel <3> "x"', href: '#c-1.1-3' }] },
      mark: 'point',
      encoding: {
        x: { field: 'x', type: 'quantitative' },
        y: { field: 'y', type: 'quantitative' },
        description: { field: 'label' },
        href: { field: 'href' },
      },
    },
  } as unknown as Figure;
  const svg = await renderSvg(figure);
  expect(svg).toMatch(/^<svg /);
  expect(svg).toMatch(/<a xlink:href="#c-1\.1-3"[^>]*><path aria-label="channel &lt;3&gt; &quot;x&quot;"/);
  expect(svg).toContain('<title>channel &lt;3&gt; &quot;x&quot;</title></path>');
  expect(await renderSvg(figure)).toBe(svg);
});

test('gradients and clips get names of the figure, whatever vega counted to', () => {
  const svg = (id: string) =>
    `<defs><linearGradient id="${id}"/></defs><path fill="url(#${id})"/><a href="#c-1"/>`;
  expect(withOwnIds(svg('gradient_7'), 'fig5')).toBe(svg('fig5-0'));
  expect(withOwnIds(svg('gradient_8'), 'fig5')).toBe(svg('fig5-0'));
});
