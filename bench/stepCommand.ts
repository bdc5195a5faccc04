// npm run bench -- step: in this process, PyTorch beside it if wanted, or in headless Chrome.

import { join } from 'node:path';
import { drive } from '../src/cli/chrome.ts';
import type { HostOptions } from '../src/cli/host.ts';
import { openWeights, withGpu } from '../src/cli/model.ts';
import { StreamscopeError } from '../src/error.ts';
import { type AdapterFacts, adapterOf } from './adapter.ts';
import { announce, failIf, finish, say, surroundings } from './document.ts';
import { PyTorch, PyTorchApart } from './pytorch.ts';
import { benchSteps, STEP_HEADER, type StepRow, stepFailed, stepLine } from './stepBench.ts';

export interface StepCommand extends HostOptions {
  weights: string;
  against?: string[];
  python: string;
  torchDevice?: string;
  taps: string[];
  batch: number[];
  seconds: number;
  out?: string;
}

/** Throws (70) when a case was not shown to be right, usage for PyTorch beside a browser, and what the device throws. */
export async function stepCommand(options: StepCommand, root: string): Promise<void> {
  const { host, against, taps, seconds, out } = options;
  if (host === 'chrome' && against)
    throw new StreamscopeError(
      'usage',
      'PyTorch does not run beside Chrome.',
      'Leave --against or --host out.',
    );
  let started: object = {};
  const begin = (adapter: AdapterFacts, others: object) => {
    announce(adapter);
    const kind = { kind: 'step', date: new Date().toISOString() };
    started = { ...kind, ...surroundings(adapter, root, others) };
    say(STEP_HEADER);
  };
  const rows: StepRow[] = [];
  const onRow = (row: StepRow) => {
    say(stepLine(row));
    rows.push(row);
  };
  await (host === 'chrome' ? inChrome(options, root, begin, onRow) : inNode(options, root, begin, onRow));
  await finish({ ...started, seconds, cases: rows }, out);
  const failed = rows.filter((row) => stepFailed(row) || (taps.length > 0 && row.skipped));
  failIf(failed.map(({ tap, batch }) => `${tap} batch ${batch}`));
}

type Begin = (adapter: AdapterFacts, others: object) => void;
type OnRow = (row: StepRow) => void;

async function inNode(options: StepCommand, root: string, begin: Begin, onRow: OnRow): Promise<void> {
  const { weights: path, against, python, torchDevice } = options;
  const { weights, network } = await openWeights(path);
  await withGpu({ network, weights }, async (gpu, parameters) => {
    const script = join(root, 'bench/pytorch/step.py');
    const whole = against ? new PyTorch(python, script, path, torchDevice) : undefined;
    let apart: PyTorchApart | undefined;
    try {
      const info = await whole?.describe();
      if (whole && info?.device === 'cpu' && info.threads > 1) apart = new PyTorchApart(whole, info.threads);
      if (info) say(`PyTorch ${info.torch} on ${info.device}, ${info.threads} threads`);
      begin(adapterOf(gpu), { pytorch: info });
      const rivals = whole && { whole, apart };
      for await (const row of benchSteps({ gpu, network, parameters }, rivals, options)) onRow(row);
    } finally {
      whole?.close();
      apart?.close();
    }
  });
}

/** The page (page.ts) says what it runs on, and then a row per case. */
async function inChrome(options: StepCommand, root: string, begin: Begin, onRow: OnRow): Promise<void> {
  const { chrome, weights, taps, batch, seconds } = options;
  await openWeights(weights); // refused here in the same words
  const path = join(root, 'node_modules/.cache/streamscope/web');
  const onResult = async (message: unknown) => {
    const said = message as { adapter: AdapterFacts; browser: string } | { row: StepRow };
    if ('row' in said) onRow(said.row);
    else begin(said.adapter, { dawn: undefined, browser: /\w*Chrome\/[\d.]+/.exec(said.browser)?.[0] });
  };
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  const page = { prefix: '', path, scripts: true };
  await drive({ chrome, weights, page }, { onResult }, stop.signal, 'step', { taps, batch, seconds });
}
