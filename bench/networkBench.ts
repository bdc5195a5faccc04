// npm run bench -- network: the whole ResNet18 forward, and forward plus the gradient of a centre unit by the image,
// in our engine and in others on the same machine. Each result is compared with float64 before it is timed, then all
// take turns: ours, theirs, the next one's, ours, ... A peer that differs or fails gets no time.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { relativeL2 } from '../src/analysis/verify.ts';
import { StreamscopeError } from '../src/error.ts';
import type { Child } from './child.ts';
import {
  batchOfImages,
  type NetworkCase,
  type NetworkReference,
  networkCases,
  referenceOfNetwork,
} from './networkCase.ts';
import { bytesOf, writeNetwork } from './networkFiles.ts';
import { type OurContext, type OurNetwork, setUp } from './networkOurs.ts';
import { type Comparison, compare, type Summary, summarize } from './samples.ts';

const ROUNDS = 2;
/** Fewest samples of a round. */
const LEAST = 3;
/** float32 decides some ReLUs and maxima otherwise than float64, and each such flip moves a gradient. */
export const NETWORK_BOUNDS = { output: 1e-4, gradient: 1e-2 };

export interface NetworkValidation {
  valid: boolean;
  /** logits: relative L2; a centre unit's value: over the rms of the images' values; the worst sample */
  output?: number;
  /** relative L2, the worst sample */
  gradient?: number;
  /** why there is nothing to compare */
  failed?: string;
}

/** Times are of a whole batch. */
export interface PeerTimes extends Partial<Comparison> {
  validation: NetworkValidation;
  /** the first run of the case, with whatever it compiles */
  firstMs?: number;
  mode?: string;
  modes?: Record<string, number>;
}

export interface OurTimes {
  validation: NetworkValidation;
  ms?: Summary;
  mflop: number;
  gflops?: number;
  dispatches: number;
}

export interface NetworkRow extends NetworkCase {
  /** whole frames, as everybody else */
  whole: OurTimes;
  /** the centre unit's window, as the product computes it */
  window?: OurTimes & Partial<Pick<Comparison, 'ratio'>>;
  peers: Record<string, PeerTimes>;
}

/** The worst sample of a batch against its image's reference. */
export function validateNetwork(
  { tap }: NetworkCase,
  reference: NetworkReference,
  results: readonly ArrayLike<number>[],
): NetworkValidation {
  const expected = results.map((_, n) => reference[n % reference.length]);
  const worst = (errors: number[]) => Math.max(...errors); // NaN wins
  if (!tap) {
    const output = worst(results.map((result, n) => relativeL2(Array.from(result), expected[n])));
    return { valid: output <= NETWORK_BOUNDS.output, output };
  }
  const scale = Math.sqrt(reference.reduce((sum, [v]) => sum + v * v, 0) / reference.length);
  const output = worst(results.map((result, n) => Math.abs(result[0] - expected[n][0]) / scale));
  const rest = (values: ArrayLike<number>) => Array.from(values).slice(1);
  const gradient = worst(results.map((result, n) => relativeL2(rest(result), rest(expected[n]))));
  const valid = output <= NETWORK_BOUNDS.output && gradient <= NETWORK_BOUNDS.gradient;
  return { valid, output, gradient };
}

/** A folder with the network and the images, and what is asked of peers there. */
export class Exchange {
  readonly folder = mkdtempSync(join(tmpdir(), 'streamscope-bench-'));

  constructor(readonly context: OurContext) {
    writeNetwork(this.folder, context.network, context.parameters.weights, networkCases.size);
  }

  /** Makes a case ready on the other side; returns what it says of the first run. */
  async load(child: Child, row: NetworkCase): Promise<Pick<PeerTimes, 'firstMs' | 'mode' | 'modes'>> {
    const input = join(this.folder, 'images.bin');
    writeFileSync(input, bytesOf(batchOfImages(row.batch)));
    const { size } = networkCases;
    const shape = [row.batch, 3, size, size];
    return child.ask({ do: 'load', folder: this.folder, input, case: { ...row, shape } });
  }

  /** By sample, as OurNetwork.results(). */
  async results(child: Child, { tap, batch }: NetworkCase): Promise<Float32Array[]> {
    const output = join(this.folder, 'output.bin');
    await child.ask({ do: 'run', output });
    const { buffer, byteOffset, byteLength } = readFileSync(output);
    const all = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
    if (!tap)
      return Array.from({ length: batch }, (_, n) =>
        all.subarray((n * all.length) / batch, ((n + 1) * all.length) / batch),
      );
    const pixels = all.length / batch - 1;
    return Array.from({ length: batch }, (_, n) =>
      Float32Array.from([all[n], ...all.subarray(batch + n * pixels, batch + (n + 1) * pixels)]),
    );
  }

  async time(child: Child, seconds: number, least = LEAST): Promise<number[]> {
    const { samples } = await child.ask<{ samples: number[] }>({ do: 'time', seconds, least });
    return samples;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Rows as they are finished. `cache` is where float64 results are kept. */
export async function* benchNetwork(
  exchange: Exchange,
  peers: ReadonlyMap<string, Child>,
  cases: readonly NetworkCase[],
  { seconds, cache }: { seconds: number; cache: string },
): AsyncGenerator<NetworkRow> {
  const { network, parameters } = exchange.context;
  for (const row of cases) {
    const reference = referenceOfNetwork(cache, network, parameters.weights, row);
    yield await benchCase(exchange, peers, row, reference, seconds);
  }
}

async function benchCase(
  exchange: Exchange,
  peers: ReadonlyMap<string, Child>,
  row: NetworkCase,
  reference: NetworkReference,
  seconds: number,
): Promise<NetworkRow> {
  const subjects = { whole: await setUp(exchange.context, row, 'all') } as Record<
    'whole' | 'window',
    OurNetwork
  >;
  if (row.tap) subjects.window = await setUp(exchange.context, row, 'centre');
  try {
    const result = { ...row, peers: {} } as NetworkRow;
    for (const [name, { plan, results }] of Object.entries(subjects)) {
      const validation = validateNetwork(row, reference, await results());
      result[name as 'whole'] = { validation, mflop: plan.flops / 1e6, dispatches: plan.dispatches.length };
    }
    if (!result.whole.validation.valid || result.window?.validation.valid === false) return result;
    for (const [name, child] of peers)
      result.peers[name] = await validatePeer(exchange, child, row, reference);
    await takeTurns(exchange, peers, subjects, result, seconds);
    return result;
  } finally {
    for (const subject of Object.values(subjects)) subject.destroy();
  }
}

async function validatePeer(
  exchange: Exchange,
  child: Child,
  row: NetworkCase,
  reference: NetworkReference,
): Promise<PeerTimes> {
  try {
    const loaded = await exchange.load(child, row);
    return { validation: validateNetwork(row, reference, await exchange.results(child, row)), ...loaded };
  } catch (error) {
    if (!(error instanceof StreamscopeError)) throw error;
    return { validation: { valid: false, failed: error.message } };
  }
}

/** The rounds; adds times to the row. */
async function takeTurns(
  exchange: Exchange,
  peers: ReadonlyMap<string, Child>,
  subjects: Record<string, OurNetwork>,
  row: NetworkRow,
  seconds: number,
): Promise<void> {
  const samples = new Map<string, number[][]>();
  const add = (name: string, found: number[]) => samples.set(name, [...(samples.get(name) ?? []), found]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, { run }] of Object.entries(subjects))
      add(name, await sampleRuns(run, seconds / ROUNDS));
    for (const [name, child] of peers)
      if (row.peers[name].validation.valid) add(name, await exchange.time(child, seconds / ROUNDS));
  }
  const ours = samples.get('whole')!;
  for (const name of Object.keys(subjects) as ('whole' | 'window')[]) {
    const ms = summarize(samples.get(name)!.flat());
    Object.assign(row[name]!, { ms, gflops: row[name]!.mflop / ms.median });
  }
  if (row.window) row.window.ratio = row.whole.ms!.median / row.window.ms!.median;
  for (const name of peers.keys()) {
    const theirs = samples.get(name);
    if (theirs) Object.assign(row.peers[name], compare(ours, theirs));
  }
}

/** ms of single runs, after one to warm up. */
async function sampleRuns(run: () => Promise<void>, seconds: number): Promise<number[]> {
  await run();
  const samples: number[] = [];
  const end = performance.now() + 1000 * seconds;
  while (samples.length < LEAST || performance.now() < end) {
    const start = performance.now();
    await run();
    samples.push(performance.now() - start);
  }
  return samples;
}

/** Whether something that was to be measured has no time. */
export const networkFailed = ({ whole, window, peers }: NetworkRow): boolean =>
  !whole.ms || (window && !window.ms) || Object.values(peers).some(({ ms }) => !ms);

export const NETWORK_HEADER =
  'case              batch         ms         spread   GFLOP/s  window ms   peers, ms (their time over ours)';

export function networkLine({ name, batch, whole, window, peers }: NetworkRow): string {
  const head = `${name.padEnd(18)} ${String(batch).padStart(4)}`;
  if (!whole.ms)
    return `${head}  DIFFERS ${JSON.stringify({ whole: whole.validation, window: window?.validation })}`;
  const theirs = Object.entries(peers).map(([peer, { ms, ratio, validation }]) =>
    ms
      ? `${peer} ${ms.median.toFixed(0)} (${ratio!.toFixed(2)}x)`
      : `${peer} DIFFERS ${JSON.stringify(validation)}`,
  );
  return [
    head,
    whole.ms.median.toFixed(1).padStart(10),
    `${whole.ms.low.toFixed(0)}-${whole.ms.high.toFixed(0)}`.padStart(14),
    whole.gflops!.toFixed(1).padStart(9),
    (window?.ms ? window.ms.median.toFixed(1) : '').padStart(10),
    `  ${theirs.join('  ')}`,
  ].join(' ');
}
