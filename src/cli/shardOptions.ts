// The commands that spread a plan over machines: run, status, merge.

import { type Command, Option } from 'commander';
import { addCampaignOptions, wholeNumber } from './imageOptions.ts';
import { merge } from './merge.ts';
import { parseShard, runShard } from './shard.ts';
import { status } from './status.ts';

export function addSharding(program: Command, signal: AbortSignal): void {
  const running = program
    .command('run')
    .description("one shard of a plan's images; run again to continue")
    .requiredOption('--weights <file>', 'those that the plan was made with')
    .requiredOption('--plan <file>', 'what streamscope plan printed')
    .requiredOption('--out <folder>', 'the run folder; shards may share one')
    .addOption(
      new Option(
        '--shard <i/n>',
        'i from 0 to n - 1 (default: task of a Slurm array or Indexed Job)',
      ).argParser(parseShard),
    );
  addCampaignOptions(running).action((options) => runShard(options, signal));

  program
    .command('status')
    .description("which of a plan's images a run folder holds")
    .requiredOption('--run <folder>', 'the run folder')
    .option('--plan <file>', "(default: the run's own)")
    .option('--shards <n>', 'also by shard', wholeNumber('--shards', 1, 999_999))
    .option('--verify', 'read every file and compare its hash')
    .option('--json', 'one JSON document')
    .action(status);

  program
    .command('merge [folders...]')
    .description('one run folder from several; verifies every hash and lists what is missing')
    .requiredOption('--out <folder>', 'the run folder')
    .option('--plan <file>', '(default: that of the first folder)')
    .option('--json', 'one JSON document')
    .action((folders, options) => merge(folders, options, signal));
}
