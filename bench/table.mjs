// Stored results as Markdown: node bench/table.mjs prints every table of bench/results (or of the files given);
// --write puts the README's between its markers, --check fails when they are not what the results give.
// --readme FILE and --results FOLDER for others than the repository's.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const MARKERS = ['<!-- benchmarks: made by `node bench/table.mjs --write` -->', '<!-- /benchmarks -->'];

const number = (value, digits) => (value === undefined || value === null ? '' : value.toFixed(digits));
const percent = (value, digits = 0) => `${number(100 * value, digits)} %`;
const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** "2.6, 1.8x": their ms, and how often ours fits into it. */
const theirs = ({ ms, ratio, apart } = {}, none = '', digits = 1) =>
  ms
    ? `${number(ms.median, digits)}, ${number(ratio, 2)}x${apart ? ` (${number(apart.ratio, 2)}x)` : ''}`
    : none;

function steps({ cases }) {
  const head = ['tap', 'batch', 'ms per image', 'busy', 'GFLOP/s', 'MiB'];
  const variants = ['study', 'tuned', 'cropped'].filter((v) => cases.some((row) => row.pytorch?.[v]));
  const rows = cases
    .filter(({ ms }) => ms)
    .map((row) => [
      row.tap,
      row.batch,
      number(row.ms.median, 2),
      number(row.busy, 2),
      number(row.gflops, 1),
      number(row.liveBytes / 2 ** 20, 0),
      ...variants.map((v) =>
        theirs(row.pytorch?.[v], row.pytorch?.[v]?.validation.unavailable ? 'none' : ''),
      ),
    ]);
  const several = cases
    .flatMap((row) => variants.map((v) => row.pytorch?.[v]?.apart?.processes))
    .find(Boolean);
  const note = several
    ? `\n\nIn brackets: against PyTorch in ${several} processes of one core each, which share the batch (the study's way: one image in each).`
    : '';
  return table([...head, ...variants.map((variant) => `PyTorch ${variant}`)], rows) + note;
}

function network({ cases, versions }) {
  const peers = [...new Set(cases.flatMap((row) => Object.keys(row.peers)))];
  const rows = cases
    .filter(({ whole }) => whole.ms)
    .map(({ name, batch, whole, window, peers: times }) => [
      name,
      batch,
      number(whole.ms.median, 1),
      number(whole.gflops, 1),
      number(window?.ms?.median, 1),
      ...peers.map((peer) => theirs(times[peer], 'differs', 0)),
    ]);
  const heads = peers.map((peer) => `${versions[peer].name} ${versions[peer].version}`);
  return table(['ResNet18', 'batch', 'ms', 'GFLOP/s', 'window alone, ms', ...heads], rows);
}

const KERNEL_HEAD = ['kernel', 'ms', 'fastest', 'GFLOP/s', 'GFLOP/s of CPU time', 'GB/s', 'of ceiling'];

function kernels({ ceilings, cases }, chosen = () => true) {
  const rows = cases
    .filter((row) => row.ms && chosen(row))
    .map(({ name, ms, gflops, cpuGflops, gbps, fraction }) => [
      name,
      number(ms.median, 3),
      number(ms.min, 3),
      number(gflops, 1),
      cpuGflops ? number(cpuGflops, 1) : '',
      number(gbps, 1),
      percent(fraction),
    ]);
  const at = `Ceilings: ${number(ceilings.gflops, 1)} GFLOP/s, ${number(ceilings.gbps, 1)} GB/s.`;
  return `${at}\n\n${table(KERNEL_HEAD, rows)}`;
}

function campaign({ images, cold, warm, projected }) {
  const { count, steps: each, batch } = images;
  const head = [
    'start',
    'first step, s',
    'of it compiling, s',
    'all, s',
    'units per hour',
    'ms per image and step',
  ];
  const rows = Object.entries({ cold, warm }).map(([name, start]) => [
    name,
    number(start.firstStep, 1),
    number(start.phases.compiling, 1),
    number(start.total, 1),
    number(start.unitsPerHour, 0),
    number(start.msPerStep, 2),
  ]);
  const about = `${count} units, ${each} steps each, ${batch} at once.`;
  const later = `At ${projected.steps} steps per unit that is about ${number(projected.unitsPerHour, 0)} units per hour (computed).`;
  return `${about}\n\n${table(head, rows)}\n\n${later}`;
}

function scaling({ units, taps, lines }) {
  const named = {
    msByUnits: [`ms per step against units, ${units[0]?.tap}`, units],
    memoryByUnits: [`MiB against units, ${units[0]?.tap}`, units],
    msByWork: [`ms per step against GFLOP, ${taps.length} taps, ${taps[0]?.units} units`, taps],
  };
  const rows = Object.entries(lines).map(([name, { intercept, slope, residual, worst, r2 }]) => [
    named[name][0],
    named[name][1].filter(({ ms }) => ms).length,
    `${intercept.toPrecision(3)} + ${slope.toPrecision(3)} x`,
    percent(residual, 1),
    percent(worst, 1),
    number(r2, 4),
  ]);
  const chart = '![Time and memory of a step against units, and time against work](docs/scaling.svg)';
  return `${chart}\n\n${table(['line', 'points', 'fit', 'residual over the mean', 'worst point', 'R²'], rows)}`;
}

const isAggregate = ({ name }) => name.startsWith('network convolutions');

/** What the README shows of each kind, in this order; `whole` also what is too long for it. */
const KINDS = {
  step: { title: 'A step', show: steps, whole: steps },
  network: { title: 'The whole network', show: network, whole: network },
  kernels: { title: 'Kernels', show: (doc) => kernels(doc, isAggregate), whole: kernels },
  campaign: { title: 'A campaign', show: campaign, whole: campaign },
  scaling: { title: 'Cost against work', show: scaling, whole: scaling },
};

/** What a document was measured on. */
function facts({ machine, adapter, versions, date }) {
  const pytorch = versions.pytorch;
  return [
    `${adapter.name}${adapter.software ? ' (software)' : ''}${adapter.lanes ? `, ${adapter.lanes} lanes` : ''}`,
    `${machine.cores} cores of ${machine.cpu}, load ${number(machine.load, 1)}`,
    `Node ${versions.node}, webgpu ${versions.dawn}`,
    ...(pytorch?.torch ? [`PyTorch ${pytorch.torch} on ${pytorch.device}, ${pytorch.threads} threads`] : []),
    ...(versions.commit ? [`commit ${versions.commit}`] : []),
    `${date.slice(0, 10)}.`,
  ].join('; ');
}

function documentsOf(folder, given) {
  const paths =
    given.length > 0
      ? given
      : readdirSync(folder)
          .filter((name) => name.endsWith('.json'))
          .sort()
          .map((name) => join(folder, name));
  const documents = paths.map((path) => JSON.parse(readFileSync(path, 'utf8')));
  return Object.keys(KINDS).flatMap((kind) => documents.filter((document) => document.kind === kind));
}

/** Other programs hit PyTorch harder than us: its threads spin while they wait for each other. */
function warning({ machine: { load, cores } }) {
  if (!(load > 0.75 * cores)) return '';
  return `\n\nIn the minute before, the load was ${number(load, 1)} on ${cores} cores. If what ran then ran on, times are too long, and ratios compare nothing.`;
}

const render = (documents, view) =>
  documents
    .map(
      (doc) =>
        `### ${KINDS[doc.kind].title}\n\n${facts(doc)}${warning(doc)}\n\n${KINDS[doc.kind][view](doc)}`,
    )
    .join('\n\n');

function splice(readme, text) {
  const [begin, end] = MARKERS.map((marker) => readme.indexOf(marker));
  if (begin < 0 || end < begin) throw new Error(`the README has no ${MARKERS.join(' ... ')}`);
  return `${readme.slice(0, begin)}${MARKERS[0]}\n\n${text}\n\n${readme.slice(end)}`;
}

const repository = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values, positionals } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    readme: { type: 'string', default: repository('../README.md') },
    results: { type: 'string', default: repository('results') },
  },
  allowPositionals: true,
});
const documents = documentsOf(values.results, positionals);
if (values.write || values.check) {
  const readme = readFileSync(values.readme, 'utf8');
  const expected = splice(readme, render(documents, 'show'));
  if (values.write) writeFileSync(values.readme, expected);
  else if (readme !== expected) {
    console.error(
      `${values.readme} does not show what is in ${values.results}: node bench/table.mjs --write`,
    );
    process.exitCode = 1;
  }
} else console.log(render(documents, 'whole'));
