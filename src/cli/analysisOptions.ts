// The commands that need no GPU: analyze and report, with the options they share.

import { type Command, Option } from 'commander';
import { BIN } from '../analysis/mixRatio.ts';
import { STUDY } from '../analysis/readings.ts';
import { StreamscopeError } from '../error.ts';
import { analyzeCommand } from './analyze.ts';
import { reportCommand } from './report.ts';

/** Reads a number above `least` from the command line. */
const above =
  (name: string, least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value > least) return value;
    throw new StreamscopeError('usage', `${name} is "${text}", expected a number above ${least}.`);
  };

/** The clamp closes the last bin of the histogram. */
function clampOf(text: string): number {
  const value = above('--clamp', 1)(text);
  if (Number.isInteger(value / BIN)) return value;
  throw new StreamscopeError(
    'usage',
    `--clamp is "${text}", expected a multiple of ${BIN}, the bins of the histogram.`,
  );
}

const addReading = (command: Command): Command =>
  command
    .requiredOption('--run <folder>', 'a run folder with measurements')
    .addOption(
      new Option('--rules <whose>', "where they differ, the study's text or its released code")
        .choices(['text', 'code'])
        .default(STUDY.rules),
    )
    .option('--clamp <ratio>', 'draw and correlate mix ratios above this as this', clampOf, STUDY.clamp)
    .option(
      '--tolerance <factor>',
      'a channel mixes when 1/factor < M < factor',
      above('--tolerance', 1),
      STUDY.tolerance,
    )
    .addOption(
      new Option(
        '--criteria <which>',
        'who must prefer the rescaled image: block and input, or the block alone',
      )
        .choices(['both', 'block'])
        .default(STUDY.criteria),
    )
    .option('--against <folder>', 'another run, to lay beside this one')
    .option('--json', 'one JSON document');

export function addAnalysis(program: Command): void {
  addReading(
    program
      .command('analyze')
      .description('every metric and statistic of a run: report.json, channels.csv, .npy'),
  ).action(analyzeCommand);
  addReading(
    program.command('report').description('the same, with figures, grids and one HTML page: report.html'),
  )
    .option('--images <folder>', 'the photographs that were collected, to show them in the grids')
    .addOption(
      new Option('--grids <which>', 'channels that the report names, all of them, or none')
        .choices(['named', 'all', 'none'])
        .default('named'),
    )
    .action(reportCommand);
}
