// The sections of the report, in the order of the page. undefined: there is nothing to say, and no heading.

import type { ComparisonRow } from './comparisonRow.ts';
import { COLOURS } from './figures/figure.ts';
import { Html, html } from './html.ts';
import type { BlockMetrics } from './metrics.ts';
import { short } from './numberText.ts';
import { examplesOf, publishedOf } from './published.ts';
import type { DrawnGrid, Report, ReportContents } from './report.ts';

/** Of each block: how it was seen, and how many channels pass. */
export function summarySection({ blocks, comparison }: Report): Html {
  const decided = comparison.filter(({ agrees }) => agrees !== null);
  const agreeing = decided.filter(({ agrees }) => agrees).length;
  const seeds = Math.max(...blocks.map((block) => block.seeds.length));
  const photographs = Math.max(...blocks.map(({ natural }) => natural?.images ?? 0));
  const facts = [
    [blocks.length, blocks.length === 1 ? 'block' : 'blocks'],
    [blocks.reduce((sum, { channels }) => sum + channels, 0), 'channels'],
    [seeds, seeds === 1 ? 'image per unit' : 'images per unit (seeds)'],
    [photographs, 'photographs'],
    ...(comparison.length > 0
      ? [[`${agreeing} of ${decided.length}`, 'published statements hold here'] as const]
      : []),
  ] as const;
  const published =
    comparison.length > 0
      ? 'Published lists carry over only as far as photographs do: the study’s are the 50,000 validation images of ImageNet.'
      : 'The study says nothing of these blocks: it speaks of ResNet18’s from 1.1 on, at their full width.';
  return html`<ul class="facts">${facts.map(([value, name]) => html`<li><b>${value}</b>${name}</li>`)}</ul>
<p>For every channel the image that most excites it was made for three places of a block: what bypasses the block (I),
what the block adds (B), and their sum (O). The mix ratio M = O(image of I) / O(image of B) says which of the two the
sum carries on. A channel counts as scale invariant when M is near 1, its block prefers the image of its input
magnified, and its input prefers the image of its block shrunken; the scale metric SM adds up these two gains.</p>
<p>The study makes one image per unit. Here that is the first seed, and what figures and lists show unless they say
otherwise; the spread over further seeds stands beside it. ${published}</p>`;
}

const verdict = (agrees: boolean | null): Html => {
  if (agrees === null) return html`<span class="open">open</span>`;
  return agrees ? html`<span class="agrees">✓ agrees</span>` : html`<span class="differs">✗ differs</span>`;
};

export function comparisonSection(rows: readonly ComparisonRow[]): Html | undefined {
  if (rows.length === 0) return undefined;
  return html`<p>“Open” means that the study's words give no number to decide by. Significant: p below 0.05.</p>
<div class="scroll"><table>
<thead><tr><th>block</th><th>where</th><th>what</th><th>published</th><th>ours</th><th>difference</th><th></th></tr></thead>
<tbody>${rows.map(
    (row) =>
      html`<tr><td>${row.block}</td><td>${row.place}</td><td>${row.question}</td><td>${row.published}</td><td>${row.ours}</td><td>${row.difference}</td><td>${verdict(row.agrees)}</td></tr>\n`,
  )}</tbody></table></div>`;
}

/** Both runs by their first seeds, and the first run's own seeds as a yardstick. */
export function againstSection({ against }: Report): Html | undefined {
  if (!against) return undefined;
  const { run, blocks } = against;
  if (blocks.length === 0) return html`<p>${run} has no block in common with this run.</p>`;
  const list = (channels: readonly number[]) => channels.join(', ') || 'none';
  return html`<p>The other run: ${run}. Each run by its first seed; |ΔM| is the median over channels. The last two columns say, for
scale, what this run's second seed changes: |ΔM|, and how many of the invariant channels stay so.</p>
<div class="scroll"><table><thead><tr><th>block</th><th>rho of M</th><th>|ΔM|</th><th>invariant in both</th><th>here only</th><th>there only</th><th>|ΔM|, seeds</th><th>kept, seeds</th></tr></thead>
<tbody>${blocks.map(
    ({ block, mix, medianDifference, both, onlyHere, onlyThere, spread }) =>
      html`<tr><td>${block}</td><td>${short(mix.rho)} (${mix.n} channels)</td><td>${short(medianDifference.runs)}</td><td>${list(both)}</td><td>${list(onlyHere)}</td><td>${list(onlyThere)}</td><td>${short(medianDifference.spread)}</td><td>${spread ? `${spread.shared} of ${spread.passing}` : 'one seed'}</td></tr>\n`,
  )}</tbody></table></div>`;
}

export function figureSection({ figures, figureFolder }: ReportContents): Html {
  return html`${figures.map(
    ({ figure, svg }) => html`<figure id="${figure.name}">
<h3>${figure.title}<span class="source">${figure.source}</span></h3>
<div class="scroll">${new Html(svg)}</div>
<figcaption>${figure.caption} <a href="${figureFolder}/${figure.name}.svg">SVG</a>, <a href="${figureFolder}/${figure.name}.png">PNG</a>,
<a href="${figureFolder}/${figure.name}.json">vega-lite</a>.</figcaption>
</figure>\n`,
  )}`;
}

/** Which grids stand under which heading; a channel may stand under several. */
function gridGroups({ blocks }: Report): [title: string, channels: [string, number][]][] {
  const of = (list: (block: BlockMetrics) => readonly number[]) =>
    blocks.flatMap((block) => list(block).map((channel): [string, number] => [block.block, channel]));
  return [
    ['Examples of the study (Fig. 1)', of(examplesOf)],
    [
      'Highest scale metric of each block (Fig. 6), by our first seed',
      of(({ seeds }) => seeds[0].invariance.scale?.top ?? []),
    ],
    [
      'Scale invariant with photographs, too (Fig. 7), by our first seed',
      of(({ seeds }) => seeds[0].robust.scale ?? []),
    ],
    ['Scale invariant according to the study (Fig. 7)', of((block) => publishedOf(block)?.robust ?? [])],
    ['Mix ratio closest to 1 (Fig. 8), by our first seed', of(({ seeds }) => seeds[0].topMixes)],
    [
      'Mix ratio closest to 1 according to the study (Fig. 8)',
      of((block) => publishedOf(block)?.topMixes ?? []),
    ],
  ];
}

/** All channels that some heading shows, by block. */
export function channelsToShow(report: Report): Map<string, number[]> {
  const channels = new Map<string, Set<number>>();
  for (const [, list] of gridGroups(report))
    for (const [block, channel] of list) channels.set(block, (channels.get(block) ?? new Set()).add(channel));
  return new Map([...channels].map(([block, set]) => [block, [...set].sort((a, b) => a - b)]));
}

export function gridSection({ report, grids }: ReportContents): Html | undefined {
  const groups = gridGroups(report).flatMap(([title, channels]) => {
    const found = channels.flatMap(([block, channel]) => {
      const grid = grids.find((candidate) => candidate.block === block && candidate.channel === channel);
      return grid?.preview ? [grid] : [];
    });
    return found.length > 0
      ? [html`<h3>${title}</h3>\n<div class="grids">${found.map((grid) => gridFigure(report, grid))}</div>\n`]
      : [];
  });
  if (groups.length === 0) return undefined;
  return html`<p>Columns: what bypasses the block (I), what the block adds (B), their sum (O). Rows, as far as the run has
them: the image of the unit in the middle, the image of the whole channel, and the nine photographs that excite the unit
most. Hatched: there is no such image. Click for full size.</p>
<style>${grids.filter(({ preview }) => preview).map(pictureRule)}</style>
${groups}`;
}

/** Each picture is in the page once, as a background, and may stand in several places. */
const pictureClass = ({ block, channel }: DrawnGrid): string => `g-${block.replace('.', '-')}-${channel}`;

const pictureRule = (grid: DrawnGrid): Html =>
  html`.${pictureClass(grid)} { aspect-ratio: 3 / ${grid.rows.length}; background-image: url(${new Html(grid.preview ?? '')}); }\n`;

function gridFigure({ blocks }: Report, grid: DrawnGrid): Html {
  const { block, channel, rows, file } = grid;
  const metrics = blocks.find((candidate) => candidate.block === block)!;
  const [first] = metrics.seeds;
  const scale = first.invariance.scale?.channels[channel];
  const sum =
    scale && `, SM ${short(scale.metric)} = ${short(scale.blockDelta)} + ${short(scale.inputDelta)}`;
  return html`<figure><a href="${file}" class="picture ${pictureClass(grid)}" aria-label="Block ${block}, channel ${channel}: ${rows.join(', ')}"></a>
<figcaption><b>${block} channel ${channel}</b>: M ${short(first.mix[channel].value)}${sum}</figcaption></figure>`;
}

const deviation = ({ mean, deviation }: { mean: number | null; deviation: number | null }): string =>
  deviation === null ? short(mean) : `${short(mean)} ± ${short(deviation)}`;

export function channelSection({ report, grids }: ReportContents): Html {
  const files = new Map(grids.map(({ block, channel, file }) => [`${block}:${channel}`, file]));
  return html`<p>Values of the first seed; mean ± deviation are over seeds. “Passes”: the criteria of scale invariance,
in how many of the seeds.</p>
${report.blocks.map(
  (block) => html`<details><summary>Block ${block.block}, ${block.channels} channels</summary>
<div class="scroll"><table><thead><tr>${HEADINGS.map((heading) => html`<th class="number">${heading}</th>`)}<th>grid</th></tr></thead>
<tbody>${Array.from({ length: block.channels }, (_, channel) => channelRow(block, channel, files))}</tbody></table></div></details>\n`,
)}`;
}

const HEADINGS = [
  'channel',
  'M',
  'M over seeds',
  'case',
  'B on image of I',
  'rho of B with I',
  'SM',
  'SM over seeds',
  'passes',
];

/** The row that points of figures lead to. */
export const rowId = (block: string, channel: number): string => `c-${block}-${channel}`;

function channelRow(block: BlockMetrics, channel: number, files: ReadonlyMap<string, string>): Html {
  const [first] = block.seeds;
  const spread = block.spread.invariance.scale?.channels[channel];
  const file = files.get(`${block.block}:${channel}`);
  const cells = [
    channel,
    short(first.mix[channel].value),
    deviation(block.spread.mix[channel]),
    first.mix[channel].case,
    short(first.inhibition.values[channel]),
    short(block.natural?.curves[channel].rho),
    short(first.invariance.scale?.channels[channel].metric),
    spread && deviation(spread.metric),
    spread && `${Math.round(spread.rates.passes * block.spread.seeds)}/${block.spread.seeds}`,
  ];
  return html`<tr id="${rowId(block.block, channel)}">${cells.map((cell) => html`<td class="number">${cell}</td>`)}<td>${file && html`<a href="${file}">picture</a>`}</td></tr>\n`;
}

export function exclusionSection({ blocks, photographs }: Report): Html {
  const items = blocks.flatMap(({ block, excluded, seeds }) => {
    const list = (what: string, channels: readonly number[]) =>
      channels.length > 0 ? [html`<li>Block ${block}, ${what}: ${channels.join(', ')}</li>\n`] : [];
    return [
      ...(seeds[0].weights.folded
        ? [
            html`<li>Block ${block}, weight magnitudes: the file has its batch norm folded into the convolution</li>\n`,
          ]
        : []),
      ...excluded.missing.flatMap(({ seed, channels }) =>
        list(`seed ${seed}, an image of I or B is missing`, channels),
      ),
      ...excluded.silent.flatMap(({ seed, channels }) =>
        list(`seed ${seed}, neither image excites O, so there is no mix ratio`, channels),
      ),
      ...excluded.unexcited.flatMap(({ stimulus, tap, channels }) =>
        list(
          `${stimulus}, the mean of ${tap} over its own images is not positive, so there is no scale metric`,
          channels,
        ),
      ),
      ...list(
        'no correlation of B with I: too few photographs excite I, or they do so equally',
        excluded.withoutCurve.map(({ channel }) => channel),
      ),
    ];
  });
  const files = photographSection(photographs);
  if (items.length === 0)
    return html`<p>No channel: each has every value.</p>
${files}`;
  return html`<p>What is listed here is in no mean, histogram or test that needs what is missing, and no such channel passes.</p>
<ul>${items}</ul>
${files}`;
}

function photographSection(photographs: Report['photographs']): Html | undefined {
  if (!photographs) return undefined;
  const { images, skipped, notes } = photographs;
  const converted = Object.entries(notes).map(([note, count]) => `${count} ${note}`);
  return html`<p>${images} photographs were used${converted.length > 0 && `, of these converted: ${converted.join(', ')}`}. ${skipped.length === 0 ? 'No file was left out.' : `Files that were left out: ${skipped.length}.`}</p>
${skipped.length > 0 && html`<ul>${skipped.map(({ name, reason }) => html`<li>${name}: ${reason}</li>\n`)}</ul>`}`;
}

export function methodSection({ blocks, provenance, reading, streamscope }: Report): Html {
  const swatch = (colour: string) => new Html(`<span style="color:${colour}">■</span>`);
  return html`<p>Mix ratios, groups and criteria by the rules of the study's ${reading.rules === 'text' ? 'text' : 'released code'};
mix ratios above ${reading.clamp} are drawn and correlated as ${reading.clamp}; a channel mixes when M is between
1/${reading.tolerance} and ${reading.tolerance}; ${reading.criteria === 'both' ? 'both B and I must prefer the rescaled image' : 'B alone must prefer the rescaled image (arXiv 2504.16290)'}.
In figures ${swatch(COLOURS.overwrite)} is overwrite, ${swatch(COLOURS.skip)} skip, ${swatch(COLOURS.passes)} scale invariant. streamscope ${streamscope}.</p>
${blocks.map(({ block, seeds, natural }) => {
  const { command, settings, adapter } = provenance[block] ?? { settings: {} };
  return html`<h3>Block ${block}</h3>
<p>Seeds ${seeds.map(({ seed }) => seed).join(', ')}; ${natural ? `${natural.images} photographs, the top ${natural.imagesPerChannel} of each unit` : 'no photographs'}.${adapter && ` Measured on ${adapter}.`}</p>
${command && html`<pre>${command}</pre>`}
<details><summary>Settings</summary><pre>${JSON.stringify(settings, null, 2)}</pre></details>\n`;
})}`;
}
