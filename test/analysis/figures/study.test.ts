// All figures of a report, drawn: every value that should be seen is a mark of the SVG that says what it is.

import { describe, expect, test } from 'vitest';
import { summarizeAblation } from '../../../src/analysis/ablationSummary.ts';
import { renderSvg } from '../../../src/analysis/figures/render.ts';
import { figuresOf } from '../../../src/analysis/figures/study.ts';
import { blockMetrics } from '../../../src/analysis/metrics.ts';
import { syntheticMeasurements } from '../../support/syntheticMeasurements.ts';

const blocks = [
  blockMetrics(syntheticMeasurements({ block: '2.0', channels: 24 })),
  blockMetrics(syntheticMeasurements({ block: '2.1', channels: 32, dead: [3] })),
];
const ablation = [
  summarizeAblation({
    block: '2.1',
    replacement: 'mean',
    channels: [1],
    scales: [1, 1.1, 1.5],
    ablated: [0.6, 0.5, 0.3],
    trials: [
      { channels: [2], accuracy: [0.65, 0.6, 0.4] },
      { channels: [3], accuracy: [0.66, 0.58, 0.42] },
    ],
  }),
];
const link = (block: string, channel: number) => `#${block}-${channel}`;
const figures = figuresOf({ blocks, ablation }, link);
const drawn = new Map(
  await Promise.all(figures.map(async (figure) => [figure.name, await renderSvg(figure)] as const)),
);
const titles = (name: string) =>
  [...drawn.get(name)!.matchAll(/<title>([^<]*)<\/title>/g)].map(([, text]) => text);

test('every figure of the study is there, with words', () => {
  expect(figures.map(({ name }) => name)).toEqual([
    'fig2-spectrum',
    'fig3-weights',
    'fig4-inhibition',
    'fig5-invariance',
    'scale-metric',
    'tuning-curves',
    'flip-invariance',
    'ablation',
  ]);
  for (const { title, caption, source } of figures)
    for (const text of [title, caption, source]) expect(text).not.toBe('');
});

test.each([...drawn])('%s has no value that is not a number', (_, svg) => {
  expect(svg).not.toMatch(/NaN|undefined|null|Infinity/);
  expect(svg.length).toBeGreaterThan(2000);
});

describe('every value is a mark', () => {
  test('spectrum: 20 bars a block, their counts add up to the channels with a ratio', () => {
    const counts = new Map<string, number>();
    for (const text of titles('fig2-spectrum')) counts.set(text, (counts.get(text) ?? 0) + 1);
    const sum = [...titles('fig2-spectrum')].filter((text) => text.startsWith('M ')).length;
    expect(sum).toBeGreaterThanOrEqual(40);
    for (const { seeds } of blocks) {
      const [from, to] = [0.25, 0.5];
      expect(
        [...counts.keys()].some((text) => text.startsWith(`M ${from} to ${to}: ${seeds[0].histogram[1]}`)),
      ).toBe(true);
    }
  });

  test('weights: a point for each channel and layer of the simple block, none for the downsample block', () => {
    const points = titles('fig3-weights');
    expect(points).toHaveLength(2 * 31);
    expect(points.some((text) => text.startsWith('2.1 channel 3:'))).toBe(false);
    expect(points.every((text) => text.startsWith('2.1 '))).toBe(true);
    expect(drawn.get('fig3-weights')).toContain('xlink:href="#2.1-4"');
  });

  test('inhibition: both rows, and the means of both groups', () => {
    const texts = titles('fig4-inhibition');
    expect(texts.filter((text) => text.includes('B on the image of I'))).toHaveLength(31);
    expect(texts.filter((text) => text.includes('rho of B with I'))).toHaveLength(31);
    expect(texts.filter((text) => text.startsWith('mean of'))).toHaveLength(4);
  });

  test('percentages: two bars a block', () => {
    for (const block of ['2.0', '2.1'])
      for (const criteria of ['all criteria', 'without the mix ratio'])
        expect(
          titles('fig5-invariance').some((text) => text.startsWith(`block ${block}, ${criteria}:`)),
        ).toBe(true);
  });

  test('scale metric: each channel that ever passes', () => {
    const ever = blocks.flatMap(({ block, spread }) =>
      spread.invariance.scale!.ever.map((channel) => `${block} channel ${channel}:`),
    );
    const texts = titles('scale-metric');
    for (const name of ever)
      expect(
        texts.some((text) => text.startsWith(name)),
        name,
      ).toBe(true);
  });

  test('ablation: a point per scale above 1, and the line of the unscaled ratio', () => {
    const texts = titles('ablation');
    for (const scale of ['1.00', '1.10', '1.50'])
      expect(texts.some((text) => text.startsWith(`scale ${scale}:`))).toBe(true);
  });
});

test('figures without values are not made', () => {
  const measured = syntheticMeasurements({ block: '2.1', channels: 12, photographs: 0 });
  for (const seed of measured.seeds) {
    delete seed.tuning;
    seed.invariance = {};
  }
  const names = figuresOf({ blocks: [blockMetrics(measured)] }, link).map(({ name }) => name);
  expect(names).toEqual(['fig2-spectrum', 'fig3-weights', 'fig4-inhibition']);
});

test('blocks with folded batch norms are not in the figure of weights', () => {
  const folded = syntheticMeasurements({ block: '1.1', channels: 12 });
  folded.weightMagnitude.batchNorm.fill(1);
  const of = (...list: typeof blocks) =>
    figuresOf({ blocks: list }, link).find(({ name }) => name === 'fig3-weights');
  expect(of(blockMetrics(folded))).toBeUndefined();
  expect(JSON.stringify(of(blockMetrics(folded), blocks[1])!.spec)).not.toContain('1.1 channel');
});

test('a run of downsample blocks alone still has its scatters', () => {
  const [weights] = figuresOf({ blocks: [blocks[0]] }, link).filter(({ name }) => name === 'fig3-weights');
  expect(JSON.stringify(weights.spec)).toContain('2.0 channel 5');
});
