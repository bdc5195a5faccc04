// The benchmarks' command line: node bench/run.mjs step | kernels. Tables for people go to stderr; the last line of
// stdout is one JSON document, which --out keeps. What does not agree with the reference gets no time, and the exit
// code is that of a bug.

import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { Command, CommanderError, Option } from 'commander';
import dawn from '../node_modules/webgpu/package.json';
import { report } from '../src/cli/failure.ts';
import { writeAtomically } from '../src/cli/files.ts';
import { openWeights, withGpu } from '../src/cli/model.ts';
import { version } from '../src/cli/version.ts';
import { Gpu } from '../src/engine/device.ts';
import { EXIT, StreamscopeError } from '../src/error.ts';
import { measureCeilings } from './ceilings.ts';
import { benchKernels, KERNEL_HEADER, kernelLine } from './kernels.ts';
import { PyTorch, type PyTorchInfo } from './pytorch.ts';
import { rounded } from './samples.ts';
import { adapterOf, benchSteps, STEP_HEADER, stepFailed, stepLine } from './stepBench.ts';

interface StepCommand {
  weights: string;
  against?: string;
  python: string;
  torchDevice?: string;
  taps: string[];
  batch: number[];
  seconds: number;
  out?: string;
}

const say = (text: string): void => console.error(text);

const list = (text: string): string[] => text.split(',').map((item) => item.trim());

function numbers(text: string): number[] {
  const values = list(text).map(Number);
  if (values.every((value) => Number.isInteger(value) && value > 0)) return values;
  throw new StreamscopeError('usage', `--batch is "${text}", expected whole numbers, as in 1,8.`);
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new StreamscopeError('usage', `--seconds is "${text}", expected a number above 0.`);
}

/** What the numbers were measured on. */
const surroundings = (gpu: Gpu, pytorch?: PyTorchInfo) => ({
  machine: {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: totalmem() / 2 ** 30,
    system: `${platform()} ${release()}`,
    load: loadavg()[0],
  },
  adapter: adapterOf(gpu),
  versions: { streamscope: version, node: process.versions.node, dawn: dawn.version, pytorch },
});

function announce(gpu: Gpu, pytorch?: PyTorchInfo): void {
  const { machine } = surroundings(gpu);
  say(`${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(1)}`);
  say(`${gpu.adapter}${gpu.isSoftware ? ': a SOFTWARE adapter; these are not times of a GPU' : ''}`);
  if (pytorch) say(`PyTorch ${pytorch.torch} on ${pytorch.device}, ${pytorch.threads} threads`);
}

/** Prints the document, and stores it. */
async function finish(document: object, out?: string): Promise<void> {
  const short = rounded(document);
  if (out) await writeAtomically(out, `${JSON.stringify(short, null, 2)}\n`);
  console.log(JSON.stringify(short));
}

function failIf(failed: string[]): void {
  if (failed.length === 0) return;
  throw new StreamscopeError('bug', `No time for what was not shown to be right: ${failed.join('; ')}.`);
}

async function step(options: StepCommand, script: string): Promise<void> {
  const { weights: path, against, python, torchDevice, out } = options;
  const { weights, network } = await openWeights(path);
  await withGpu(weights, async (gpu, parameters) => {
    const pytorch = against ? new PyTorch(python, script, path, torchDevice) : undefined;
    try {
      const info = await pytorch?.describe();
      const started = { kind: 'step', date: new Date().toISOString(), ...surroundings(gpu, info) };
      announce(gpu, info);
      say(STEP_HEADER);
      const rows = [];
      for await (const row of benchSteps({ gpu, network, parameters }, pytorch, options)) {
        say(stepLine(row));
        rows.push(row);
      }
      await finish({ ...started, seconds: options.seconds, cases: rows }, out);
      const asked = options.taps.length > 0;
      failIf(
        rows
          .filter((row) => stepFailed(row) || (asked && row.skipped))
          .map(({ tap, batch }) => `${tap} batch ${batch}`),
      );
    } finally {
      pytorch?.close();
    }
  });
}

async function kernels({ only, seconds, out }: { only: string; seconds: number; out?: string }) {
  const gpu = await Gpu.acquire();
  try {
    const started = { kind: 'kernels', date: new Date().toISOString(), ...surroundings(gpu) };
    announce(gpu);
    const ceilings = await measureCeilings(gpu);
    say(
      `ceilings: ${ceilings.gflops.toFixed(1)} GFLOP/s in registers, ${ceilings.gbps.toFixed(1)} GB/s copying`,
    );
    say(KERNEL_HEADER);
    const rows = [];
    for await (const row of benchKernels(gpu, ceilings, { only, seconds })) {
      say(kernelLine(row));
      rows.push(row);
    }
    await finish({ ...started, seconds, ceilings, cases: rows }, out);
    failIf(rows.filter(({ ms }) => !ms).map(({ name }) => name));
  } finally {
    gpu.close();
  }
}

function makeProgram(script: string): Command {
  const program = new Command('bench')
    .description('Checks results, then times them.')
    .exitOverride()
    .showSuggestionAfterError();
  program
    .command('step')
    .description('one optimisation step, per image')
    .requiredOption('--weights <file>', '.pth or .safetensors')
    .addOption(new Option('--against <peer>', 'time a peer beside it').choices(['pytorch']))
    .option('--python <path>', 'a Python that has PyTorch', 'python3')
    .option('--torch-device <name>', 'cpu or cuda (default: cuda where there is one)')
    .option('--taps <list>', 'as 1.1.O,2.0.O (default: all cases)', list, [])
    .option('--batch <list>', 'units at once, as 1,8 (default: all cases)', numbers, [])
    .option('--seconds <n>', 'per case and side', positive, 3)
    .option('--out <file>', 'keep the document: bench/results/NAME.json')
    .action((options: StepCommand) => step(options, script));
  program
    .command('kernels')
    .description('single kernels against what the adapter can do')
    .option('--only <text>', 'kernels whose names contain it', '')
    .option('--seconds <n>', 'per kernel, at least', positive, 0.3)
    .option('--out <file>', 'keep the document: bench/results/NAME.json')
    .action(kernels);
  return program;
}

/** Runs the command line; returns the exit code. `script` is where bench/pytorch/step.py lies. */
export async function main(argv: readonly string[], script: string): Promise<number> {
  try {
    await makeProgram(script).parseAsync(argv);
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    return report(error);
  }
}
