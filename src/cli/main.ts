// The command line. Machine output goes to stdout, words and progress to stderr; exit codes are in error.ts.

import { Command, CommanderError, Option } from 'commander';
import { MEANS } from '../analysis/ablation.ts';
import { EXIT } from '../error.ts';
import { ablate } from './ablate.ts';
import { addAnalysis } from './analysisOptions.ts';
import { bench, benchArguments } from './bench.ts';
import { notNegative, numbers } from './channelLists.ts';
import { collect } from './collect.ts';
import { demo } from './demo.ts';
import { doctor } from './doctor.ts';
import { report } from './failure.ts';
import { addHost } from './host.ts';
import { addCampaignOptions, addImageSettings, addRequest, wholeNumber } from './imageOptions.ts';
import { plan } from './plan.ts';
import { reproduce } from './reproduce.ts';
import { PIXELS } from './responses.ts';
import { serve } from './serve.ts';
import { addSharding } from './shardOptions.ts';
import { taps } from './taps.ts';
import { addTraining } from './trainOptions.ts';
import { tune } from './tune.ts';
import { verify } from './verify.ts';
import { version } from './version.ts';
import { visualize } from './visualize.ts';
import { fetchNamed, inspectWeights, listWeights, packWeights } from './weights.ts';

const stop = new AbortController();

const choice = (flags: string, description: string, choices: readonly string[], byDefault: string): Option =>
  new Option(flags, description).choices(choices).default(byDefault);

function makeProgram(): Command {
  const program = new Command('streamscope')
    .description('Looks into the residual stream of ResNets with WebGPU kernels of its own.')
    .version(version)
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true });
  addHost(program);

  program
    .command('doctor')
    .description('adapter, limits, features, a one-second self-test')
    .option('--json', 'one JSON document')
    .option('--quiet', 'the adapter and the exit code only')
    .action(doctor);

  program
    .command('tune')
    .description(
      'time tiles of matrix products on this GPU and keep the fastest; results stay the same bytes',
    )
    .option('--only <text>', 'products whose names contain this', '')
    .option('--json', 'one JSON document')
    .action((options) => tune(options, stop.signal));

  program
    .command('taps')
    .description('every tap with its shape, centre unit and receptive field')
    .option('--weights <file>', 'mark the taps that this file can serve')
    .option('--network <name>', 'resnet18 or resnet34', 'resnet18')
    .option('--size <pixels>', 'rows and columns of the input', wholeNumber('--size', 32), 224)
    .option('--json', 'one JSON document')
    .action(taps);

  const weights = program
    .command('weights')
    .description('weights files: list, fetch, inspect, pack')
    .exitOverride();
  weights
    .command('list')
    .description('what can be fetched')
    .option('--json', 'one JSON document')
    .action(listWeights);
  weights
    .command('fetch <name>')
    .description('download, resume, verify; prints the path')
    .option('--out <folder>', 'where to (default: weights/)')
    .action(fetchNamed);
  weights
    .command('inspect <file>')
    .description('which network, which tensors, which taps it serves')
    .option('--json', 'one JSON document with all shapes')
    .action(inspectWeights);
  weights
    .command('pack <file>')
    .description('the same tensors as float16 .safetensors; says how far that moves them')
    .requiredOption('--out <file>', 'the .safetensors to write')
    .action(packWeights);

  program
    .command('verify')
    .description("every tap, gradient and a trajectory against PyTorch's; fails above the bounds")
    .requiredOption('--weights <file>', '.pth or .safetensors')
    .option('--goldens <folder>', "PyTorch's outputs (default: those shipped in weights/goldens)")
    .option('--json', 'one JSON document')
    .action((_, command) => verify(command.optsWithGlobals(), stop.signal));

  const visualizing = program
    .command('visualize')
    .description('the images that most excite chosen units')
    .requiredOption('--weights <file>', '.pth or .safetensors')
    .requiredOption('--units <list>', 'taps and channels: 1.1.B:0-63,2.1.O:108')
    .requiredOption('--out <folder>', 'the run folder')
    .addOption(
      choice(
        '--objective <kind>',
        'the unit in the middle, or the mean of the channel',
        ['center', 'channel'],
        'center',
      ),
    )
    .option('--seeds <n>', 'images per unit, of seeds 1000 apart', wholeNumber('--seeds', 1), 1);
  addCampaignOptions(addImageSettings(visualizing))
    .option('--overwrite', 'make images anew that are already there')
    .option('--json', 'one JSON line per image')
    .action(async (_, command) => void (await visualize(command.optsWithGlobals(), stop.signal)));

  const planning = program
    .command('plan')
    .description('which images a run would make: one JSON document, without making any')
    .requiredOption('--weights <file>', '.pth or .safetensors');
  addImageSettings(addRequest(planning)).action(plan);

  addSharding(program, stop.signal);

  const reproducing = program
    .command('reproduce')
    .description(
      'the study: images, measurements, statistics, figures and a report; continues where it ended',
    )
    .requiredOption('--weights <file>', '.pth or .safetensors')
    .option(
      '--images <folder>',
      'photographs, flat or in one folder per class; without, that part is left out',
    )
    .addOption(
      choice(
        '--pixels <kind>',
        'measure the saved 8-bit pictures, as the study, or the floats',
        PIXELS,
        'saved',
      ),
    )
    .requiredOption('--out <folder>', 'the run folder');
  addCampaignOptions(addImageSettings(addRequest(reproducing))).action((_, command) =>
    reproduce(command.optsWithGlobals(), stop.signal),
  );

  program
    .command('collect')
    .description(
      'what taps answer to a folder of photographs: all channels, the strongest and weakest images',
    )
    .requiredOption('--weights <file>', '.pth or .safetensors')
    .requiredOption('--images <folder>', 'images, or one folder of images per class')
    .requiredOption('--out <folder>', 'the run folder')
    .option('--blocks <list>', 'as in 1.1,2.0 (default: all but 1.0)')
    .option('--batch <n>', 'images at once', wholeNumber('--batch', 1), 16)
    .option('--crops', 'write the strongest and weakest images, one PNG each')
    .option('--overwrite', 'collect everything anew')
    .option('--json', 'one JSON document')
    .addOption(choice('--progress <style>', 'on stderr', ['auto', 'json', 'none'], 'auto'))
    .action(async (_, command) => void (await collect(command.optsWithGlobals(), stop.signal)));

  addAnalysis(program);

  program
    .command('ablate')
    .description('accuracy with channels of a tap replaced, beside random controls; needs the whole network')
    .requiredOption('--weights <file>', '.pth or .safetensors, with the classifier')
    .requiredOption('--images <folder>', 'one folder of images per class')
    .requiredOption('--block <name>', 'as in 2.1')
    .requiredOption('--out <folder>', 'the run folder')
    .option('--channels <list>', 'as in 3,7,12-15')
    .option('--from-run <folder>', 'the scale-invariant channels that analyze found')
    .addOption(choice('--tap <role>', 'where in the block', ['I', 'B', 'O'], 'O'))
    .addOption(choice('--replacement <kind>', 'what channels hold instead', ['mean', 'zero'], 'mean'))
    .addOption(
      new Option('--mean <kind>', 'of max(x, 0) (default at sums), of x, or max(mean of x, 0)').choices(
        MEANS,
      ),
    )
    .option('--scales <list>', '1 first; 1.5 magnifies twofold', numbers, [1, 1.1, 1.2, 1.3, 1.4, 1.5])
    .option('--trials <n>', 'accepted random controls', wholeNumber('--trials', 1), 10)
    .option(
      '--margin <points>',
      "how far a control's accuracy may exceed, unscaled",
      notNegative('--margin'),
      1,
    )
    .option('--draws <n>', 'controls drawn at most', wholeNumber('--draws', 1), 200)
    .option('--seed <n>', 'of the controls', wholeNumber('--seed', 0), 0)
    .option('--classes <file>', "the network's classes: a line each, the folder's name first")
    .option('--batch <n>', 'images at once', wholeNumber('--batch', 1), 16)
    .option('--overwrite', 'measure anew')
    .option('--json', 'one JSON document')
    .addOption(choice('--progress <style>', 'on stderr', ['auto', 'json', 'none'], 'auto'))
    .action(async (options) => void (await ablate(options, stop.signal)));

  addTraining(program, stop.signal);

  program
    .command('serve')
    .description('the explorer page, with a run folder if one is given, for a browser on this machine')
    .option('--run <folder>', 'the run folder to look at')
    .option('--port <n>', '0 takes any that is free', wholeNumber('--port', 0, 65535), 8420)
    .option(
      '--listen <address>',
      'an address of this machine; others reach what is not loopback',
      '127.0.0.1',
    )
    .action((options) => serve(options, stop.signal));

  program
    .command('demo')
    .description('the whole study on the small network that lies beside the program; no download')
    .option('--steps <n>', 'steps of Adam', wholeNumber('--steps', 1), 64)
    .option('--seeds <n>', 'images per unit', wholeNumber('--seeds', 1), 2)
    .option('--out <folder>', 'the run folder', 'runs/demo')
    .action((options) => demo(options, stop.signal));

  // listed here, run by main(): its arguments are the benchmarks' own
  program.command('bench').argument('[kind...]').description('times against peers; in the repository only');
  return program;
}

/** Runs the command line; returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      console.error(`\n${signal}: stopping after the steps in flight.`);
      stop.abort();
    });
  }
  try {
    const forBench = benchArguments(argv.slice(2));
    if (forBench) return await bench(forBench, stop.signal);
    await makeProgram().parseAsync(argv);
    return EXIT.done;
  } catch (error) {
    // commander has printed its message (or the help) already
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    return report(error);
  }
}

// exitCode would wait for handles that a lost device may keep open
process.exit(await main(process.argv));
