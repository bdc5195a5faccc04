import { expect, test } from 'vitest';
import { compareWithStudy } from '../../src/analysis/comparison.ts';
import { renderSvg } from '../../src/analysis/figures/render.ts';
import { figuresOf } from '../../src/analysis/figures/study.ts';
import { blockMetrics } from '../../src/analysis/metrics.ts';
import { STUDY } from '../../src/analysis/readings.ts';
import { type Report, renderReport } from '../../src/analysis/report.ts';
import { channelsToShow, rowId } from '../../src/analysis/reportSections.ts';
import { compareRuns } from '../../src/analysis/runComparison.ts';
import { syntheticMeasurements } from '../support/syntheticMeasurements.ts';

const blocks = [
  blockMetrics(syntheticMeasurements({ block: '1.1', channels: 64, seeds: 2, dead: [5] })),
  blockMetrics(syntheticMeasurements({ block: '2.1', channels: 128, seeds: 2 })),
];
const report: Report = {
  format: 'streamscope report 1',
  streamscope: '9.9.9',
  reading: STUDY,
  blocks,
  comparison: compareWithStudy(blocks),
  provenance: {
    '1.1': {
      command: 'streamscope reproduce --out "a <b> & c"',
      settings: { steps: 512, jitter: 'centered' },
      adapter: 'a GPU',
    },
  },
};
const figures = await Promise.all(
  figuresOf(report, (block, channel) => `#${rowId(block, channel)}`).map(async (figure) => ({
    figure,
    svg: await renderSvg(figure),
  })),
);
const grids = [
  {
    block: '1.1',
    channel: 19,
    rows: ['centre unit'],
    file: 'grids/1.1/19.png',
    preview: 'data:image/webp;base64,AAAA',
  },
];
const page = renderReport({ report, figures, grids, figureFolder: 'figures' });

test('the page needs nothing from elsewhere', () => {
  const loaded = [...page.matchAll(/<(?:script|link|iframe|object)\b/g)];
  expect(loaded).toEqual([]);
  expect(page).not.toMatch(/\bsrc=/);
  expect(page).toContain('url(data:image/webp;base64,AAAA)');
  expect(page).not.toMatch(/url\((?!#|data:)/);
});

test('every link within the page leads somewhere', () => {
  const ids = [...page.matchAll(/\bid="([^"]*)"/g)].map(([, id]) => id);
  const targets = new Set(ids);
  expect(targets.size).toBe(ids.length);
  const links = [...page.matchAll(/(?:href="|url\()#([^")]*)/g)].map(([, id]) => id);
  expect(links.length).toBeGreaterThan(100);
  expect([...new Set(links)].filter((id) => !targets.has(id))).toEqual([]);
});

test('figures, captions, comparison and commands are on it', () => {
  for (const { figure } of figures) {
    expect(page).toContain(`id="${figure.name}"`);
    expect(page).toContain(figure.title);
  }
  for (const row of report.comparison) expect(page).toContain(row.question);
  expect(page).toContain('streamscope reproduce --out &quot;a &lt;b&gt; &amp; c&quot;');
  expect(page).toContain('Measured on a GPU.');
  expect(page).toContain('&quot;jitter&quot;: &quot;centered&quot;');
});

test('a grid stands under every heading that names its channel, is held once, and leads to its file', () => {
  expect(page).toContain('<a href="grids/1.1/19.png" class="picture g-1-1-19"');
  expect(page.split('base64,AAAA')).toHaveLength(2);
  // Fig. 1 and the study's Fig. 7
  expect(page.match(/<b>1\.1 channel 19<\/b>/g)!.length).toBeGreaterThanOrEqual(2);
});

test('a channel that no section shows has its row lead to its file, and no picture in the page', () => {
  const further = { block: '1.1', channel: 7, rows: ['centre unit'], file: 'grids/1.1/7.png' };
  const more = renderReport({ report, figures, grids: [...grids, further], figureFolder: 'figures' });
  expect(more).toContain('<a href="grids/1.1/7.png">picture</a>');
  expect(more).not.toContain('g-1-1-7');
});

test('all channels are listed, what is missing as n/a, and what was left out is named', () => {
  for (const { block, channels } of blocks)
    for (let channel = 0; channel < channels; channel++)
      expect(page).toContain(`id="${rowId(block, channel)}"`);
  expect(page).toMatch(/id="c-1\.1-5">.*?n\/a/);
  expect(page).toContain('Block 1.1, seed 0, an image of I or B is missing: 5');
  expect(page).not.toMatch(/NaN|undefined|\[object/);
});

test('channels to show: ours and the published ones', () => {
  const shown = channelsToShow(report);
  expect(shown.get('1.1')).toEqual(expect.arrayContaining([19, 25, 27, 38, 44, 55]));
  expect(shown.get('2.1')).toEqual(expect.arrayContaining([108, 22, ...blocks[1].seeds[0].topMixes]));
});

test('the same report is the same page', () => {
  expect(renderReport({ report, figures, grids, figureFolder: 'figures' })).toBe(page);
});

test('without grids and comparison there are no such sections', () => {
  const bare = renderReport({
    report: { ...report, comparison: [] },
    figures,
    grids: [],
    figureFolder: 'figures',
  });
  expect(bare).not.toContain('id="grids"');
  expect(bare).not.toContain('id="comparison"');
  expect(bare).toContain('run again where it says nothing');
  expect(bare).not.toContain('published statements');
});

test('photographs that were left out, and another run, have their places', () => {
  const photographs = {
    images: 498,
    skipped: [{ name: 'a/<b>.jpg', reason: 'the file is empty' }],
    notes: { CMYK: 2 },
  };
  const against = { run: 'centered', blocks: compareRuns(blocks, blocks) };
  const more = renderReport({
    report: { ...report, photographs, against },
    figures,
    grids,
    figureFolder: 'figures',
  });
  expect(more).toContain(
    '498 photographs were used, of these converted: 2 CMYK. Files that were left out: 1.',
  );
  expect(more).toContain('a/&lt;b&gt;.jpg: the file is empty');
  expect(more).toContain('The other run: centered.');
  expect(more).not.toMatch(/NaN|undefined|\[object/);
  expect(page).not.toContain('Beside another run');
});
