// streamscope analyze: every metric and statistic of the measurements in a run folder, for people (report.json,
// channels.csv) and for NumPy and R (.npy, one row per seed). Needs no GPU; the same measurements give the same bytes.

import { basename, join } from 'node:path';
import { summarizeAblation } from '../analysis/ablationSummary.ts';
import { channelsCsv } from '../analysis/channelTable.ts';
import { compareWithStudy } from '../analysis/comparison.ts';
import { type BlockMetrics, blockMetrics } from '../analysis/metrics.ts';
import { short } from '../analysis/numberText.ts';
import { type Reading, STUDY } from '../analysis/readings.ts';
import type { Report } from '../analysis/report.ts';
import { compareRuns } from '../analysis/runComparison.ts';
import { makeNetwork, type Network } from '../model/network.ts';
import { writeNpy } from '../model/npy.ts';
import { readAblations } from './ablationRecords.ts';
import { readCollected } from './collected.ts';
import { writeAtomically } from './files.ts';
import { type Provenance, readMeasurements } from './measurementFiles.ts';
import { version } from './version.ts';

export interface AnalyzeOptions extends Partial<Reading> {
  run: string;
  /** another run to lay beside this one */
  against?: string;
  json?: boolean;
}

export interface Analyzed {
  report: Report;
  /** below the run folder */
  files: string[];
}

/** Throws badInput without measurements, or with damaged ones; io. */
export async function analyze(options: AnalyzeOptions): Promise<Analyzed> {
  const { run, rules = STUDY.rules, clamp = STUDY.clamp, tolerance = STUDY.tolerance } = options;
  const reading: Reading = { rules, clamp, tolerance, criteria: options.criteria ?? STUDY.criteria };
  const stored = await readMeasurements(run);
  const blocks = stored.map(({ measurements }) => blockMetrics(measurements, reading));
  const network = networkOf(stored.map(({ provenance }) => provenance));
  const collected = await readCollected(run, network);
  const ablations = await readAblations(run);
  const report: Report = {
    format: 'streamscope report 1',
    streamscope: version,
    reading,
    blocks,
    comparison: compareWithStudy(blocks),
    ...(ablations.length > 0 && { ablation: ablations.map(summarizeAblation) }),
    ...(collected && {
      photographs: {
        images: collected.counts.images,
        skipped: collected.skipped,
        notes: collected.counts.notes,
      },
    }),
    ...(options.against && { against: await besides(options.against, blocks, reading) }),
    provenance: Object.fromEntries(
      stored.map(({ measurements, provenance }) => [measurements.block, provenance]),
    ),
  };
  const contents: [string, string | Uint8Array][] = [
    ['report.json', `${JSON.stringify(report, withInfinity)}\n`],
    ['channels.csv', channelsCsv(blocks)],
    ...blocks.flatMap(arraysOf),
  ];
  for (const [name, content] of contents) await writeAtomically(join(run, name), content);
  return { report, files: contents.map(([name]) => name) };
}

async function besides(run: string, blocks: BlockMetrics[], reading: Reading): Promise<Report['against']> {
  const other = await readMeasurements(run);
  return {
    run: basename(run),
    blocks: compareRuns(
      blocks,
      other.map(({ measurements }) => blockMetrics(measurements, reading)),
    ),
  };
}

/** The network that the measurements say they are of. */
export function networkOf(provenances: readonly Provenance[]): Network {
  const [name] = provenances.flatMap(({ settings }) => settings.network ?? []);
  return makeNetwork(typeof name === 'string' ? name : 'resnet18');
}

/** JSON has no Infinity; an F without variance within groups is one. */
const withInfinity = (_: string, value: unknown): unknown =>
  value === Number.POSITIVE_INFINITY ? 'Infinity' : value;

/** analysis/<block>/*.npy, each [seeds, channels]; NaN: no value. */
function arraysOf({ block, channels, seeds }: BlockMetrics): [string, Uint8Array][] {
  const rows = (of: (seed: (typeof seeds)[number], channel: number) => number | null | undefined) =>
    Float64Array.from({ length: seeds.length * channels }, (_, i) => {
      return of(seeds[Math.floor(i / channels)], i % channels) ?? Number.NaN;
    });
  const flags = (values: Float64Array) => Uint8Array.from(values, (value) => (value === 1 ? 1 : 0));
  const shape = [seeds.length, channels];
  const file = (name: string, data: Float64Array | Uint8Array): [string, Uint8Array] => [
    join('analysis', block, `${name}.npy`),
    writeNpy(shape, data),
  ];
  const scale = (seed: (typeof seeds)[number], c: number) => seed.invariance.scale?.channels[c];
  return [
    file(
      'mixRatio',
      rows(({ mix }, c) => mix[c].value),
    ),
    file(
      'blockOnInputImage',
      rows(({ inhibition }, c) => inhibition.values[c]),
    ),
    file(
      'scaleMetric',
      rows((seed, c) => scale(seed, c)?.metric),
    ),
    file('passesScale', flags(rows((seed, c) => Number(scale(seed, c)?.passes ?? false)))),
  ];
}

/** The command: writes the files, and says in a line per block what came out. */
export async function analyzeCommand(options: AnalyzeOptions): Promise<void> {
  const { report, files } = await analyze(options);
  if (options.json) {
    console.log(JSON.stringify({ run: options.run, files, comparison: report.comparison }));
    return;
  }
  for (const block of report.blocks) console.log(lineOf(block));
  console.error(`${files.length} files in ${options.run}: report.json, channels.csv, analysis/`);
}

function lineOf({ block, channels, seeds, spread }: BlockMetrics): string {
  const [first] = seeds;
  const scale = first.invariance.scale;
  const passing = scale ? `${scale.passing.length} of ${channels} scale invariant` : 'scale not measured';
  const list = scale && scale.passing.length > 0 ? ` (${scale.passing.join(', ')})` : '';
  const rates = spread.invariance.scale;
  const sure =
    rates && spread.seeds > 1
      ? `; ${rates.always.length} with every seed, ${rates.ever.length} with any`
      : '';
  return `${block}  ${passing}${list}${sure}; closest to M = 1: ${first.topMixes.join(', ')}; rho of M with the batch norm ${short(first.weights.batchNorm.rho)}`;
}
