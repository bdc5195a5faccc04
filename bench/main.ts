// The benchmarks' command line: node bench/run.mjs step | network | kernels | campaign | scaling. Tables for people go to
// stderr; the last line of stdout is one JSON document, which --out keeps. What does not agree with the reference gets no
// time, and the exit code is that of a bug.

import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { report } from '../src/cli/failure.ts';
import { addHost } from '../src/cli/host.ts';
import { Gpu } from '../src/engine/device.ts';
import { EXIT } from '../src/error.ts';
import { adapterOf } from './adapter.ts';
import { choices, list, positive, wholeNumber, wholeNumbers } from './arguments.ts';
import { campaignChild, campaignCommand } from './campaign.ts';
import { type Ceilings, measureCeilings } from './ceilings.ts';
import { announce, failIf, finish, say, surroundings } from './document.ts';
import { benchKernels, fractionOf, KERNEL_HEADER, kernelLine } from './kernels.ts';
import { type NetworkCommand, networkCommand } from './networkCommand.ts';
import { PEERS, type PeerName } from './peers.ts';
import { scalingCommand } from './scaling.ts';
import { type StepCommand, stepCommand } from './stepCommand.ts';

const ceilingLine = ({ gflops, gbps }: Ceilings): string =>
  `${gflops.toFixed(1)} GFLOP/s in registers, ${gbps.toFixed(1)} GB/s copying`;

async function kernels(
  { only, seconds, out }: { only: string; seconds: number; out?: string },
  root: string,
): Promise<void> {
  const gpu = await Gpu.acquire();
  try {
    const started = {
      kind: 'kernels',
      date: new Date().toISOString(),
      ...surroundings(adapterOf(gpu), root),
    };
    announce(adapterOf(gpu));
    const ceilings = await measureCeilings(gpu);
    say(`ceilings: ${ceilingLine(ceilings)}`);
    say(KERNEL_HEADER);
    const rows = [];
    const cache = join(root, 'node_modules/.cache/streamscope');
    for await (const row of benchKernels(gpu, ceilings, { only, seconds, cache })) {
      say(kernelLine(row));
      rows.push(row);
    }
    // measured again, in case something else was running the first time
    const again = await measureCeilings(gpu);
    const best = {
      gflops: Math.max(ceilings.gflops, again.gflops),
      gbps: Math.max(ceilings.gbps, again.gbps),
    };
    for (const row of rows) if (row.ms) row.fraction = fractionOf(row as Ceilings, best);
    say(`ceilings, the better of before and after: ${ceilingLine(best)}`);
    await finish({ ...started, seconds, ceilings: best, cases: rows }, out);
    failIf(rows.filter(({ ms }) => !ms).map(({ name }) => name));
  } finally {
    gpu.close();
  }
}

const peerNames = Object.keys(PEERS) as PeerName[];

function makeProgram(root: string): Command {
  const program = new Command('bench')
    .description('Checks results, then times them.')
    .exitOverride()
    .showSuggestionAfterError();
  addHost(program, ['step']);
  const command = (name: string, description: string, seconds: string, byDefault: number) =>
    program
      .command(name)
      .description(description)
      .option('--seconds <n>', seconds, positive('--seconds'), byDefault)
      .option('--out <file>', 'keep the document: bench/results/NAME.json');
  command('step', 'one optimisation step, per image', 'per case and side', 3)
    .requiredOption('--weights <file>', '.pth or .safetensors')
    .option('--against <peer>', 'pytorch: time it beside ours', choices('--against', ['pytorch']))
    .option('--python <path>', 'a Python that has PyTorch', 'python3')
    .option('--torch-device <name>', 'cpu or cuda (default: cuda where there is one)')
    .option('--taps <list>', 'as 1.1.O,2.0.O (default: all cases)', list, [])
    .option('--batch <list>', 'units at once, as 1,8 (default: all cases)', wholeNumbers('--batch'), [])
    .action((_, command: Command) => stepCommand(command.optsWithGlobals<StepCommand>(), root));
  command('network', 'the whole ResNet18, forward and with a gradient', 'per case and side', 3)
    .option('--weights <file>', 'a whole ResNet18 (default: random weights)')
    .option(
      '--against <list>',
      `of pytorch, ${peerNames.join(', ')}: time them beside ours`,
      choices('--against', ['pytorch', ...peerNames]),
      [],
    )
    .option('--python <path>', 'a Python that has PyTorch', 'python3')
    .option('--only <text>', 'cases whose names contain it', '')
    .option('--batch <list>', 'images at once, as 1,8 (default: all cases)', wholeNumbers('--batch'), [])
    .action((options: NetworkCommand) => networkCommand(options, root));
  command('kernels', 'single kernels against what the adapter can do', 'per kernel, at least', 0.3)
    .option('--only <text>', 'kernels whose names contain it', '')
    .action((options) => kernels(options, root));
  program
    .command('campaign')
    .description('a small campaign from a cold and a warm start')
    .option('--out <file>', 'keep the document: bench/results/NAME.json')
    .requiredOption('--weights <file>', '.pth or .safetensors')
    .option('--units <list>', 'as for visualize (default: those of cases.json)')
    .option('--steps <n>', 'of each unit (default: that of cases.json)', wholeNumber('--steps', 3))
    .option('--batch <n>', 'units at once (default: that of cases.json)', wholeNumber('--batch', 1))
    .action((options) => campaignCommand(options, root));
  command('scaling', 'time and memory against units and against work', 'per point', 1)
    .requiredOption('--weights <file>', '.pth or .safetensors')
    .option('--chart <file>', 'draw the lines: docs/scaling.svg')
    .option('--units <list>', 'as 1,2,4 (default: those of cases.json)', wholeNumbers('--units'))
    .option('--taps <list>', 'as 1.1.O,2.0.O (default: those of cases.json)', list, [])
    .action((options) => scalingCommand(options, root));
  program.command('campaign-child', { hidden: true }).argument('<request>').action(campaignChild);
  return program;
}

/** Runs the command line; returns the exit code. `root` is the repository. */
export async function main(argv: readonly string[], root: string): Promise<number> {
  try {
    await makeProgram(root).parseAsync(argv);
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    return report(error);
  }
}
