// Turns stored results into Markdown for the README: node bench/table.mjs [bench/results/NAME.json ...]
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('results', import.meta.url));
const given = process.argv.slice(2);
const paths =
  given.length > 0
    ? given
    : readdirSync(folder)
        .filter((name) => name.endsWith('.json'))
        .sort()
        .map((name) => join(folder, name));

const number = (value, digits) => (value === undefined || value === null ? '' : value.toFixed(digits));
const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** "2.6, 1.8x": their ms per image and step, and how often ours fits into it. */
function theirs({ pytorch }, variant) {
  const { ms, ratio, validation } = pytorch?.[variant] ?? {};
  if (!ms) return validation?.unavailable ? 'none' : '';
  return `${number(ms.median, 1)}, ${number(ratio, 2)}x`;
}

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
      ...variants.map((variant) => theirs(row, variant)),
    ]);
  return table([...head, ...variants.map((variant) => `PyTorch ${variant}`)], rows);
}

function kernels({ ceilings, cases }) {
  const rows = cases
    .filter(({ ms }) => ms)
    .map(({ name, shape, ms, gflops, gbps, fraction }) => [
      name,
      shape.join('x'),
      number(ms.median, 3),
      number(ms.min, 3),
      number(gflops, 1),
      number(gbps, 1),
      `${number(100 * fraction, 0)} %`,
    ]);
  const at = `Ceilings: ${number(ceilings.gflops, 1)} GFLOP/s, ${number(ceilings.gbps, 1)} GB/s.`;
  return `${at}\n\n${table(['kernel', 'result', 'ms', 'fastest', 'GFLOP/s', 'GB/s', 'of ceiling'], rows)}`;
}

for (const path of paths) {
  const document = JSON.parse(readFileSync(path, 'utf8'));
  const { machine, adapter, versions, date } = document;
  const { pytorch } = versions;
  const facts = [
    `${adapter.name}${adapter.software ? ' (software)' : ''}`,
    `${machine.cores} cores of ${machine.cpu}`,
    `Node ${versions.node}, webgpu ${versions.dawn}`,
    ...(pytorch ? [`PyTorch ${pytorch.torch} on ${pytorch.device}, ${pytorch.threads} threads`] : []),
    date.slice(0, 10),
  ];
  console.log(`${facts.join('; ')}.\n\n${document.kind === 'step' ? steps(document) : kernels(document)}\n`);
}
