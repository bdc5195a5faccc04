// The commands `train` and `shapes`, and their options.

import { type Command, Option } from 'commander';
import { StreamscopeError } from '../error.ts';
import { notNegative } from './channelLists.ts';
import { positive, wholeNumber } from './imageOptions.ts';
import { shapes } from './shapes.ts';
import { train } from './train.ts';

/** From 0 to below 1. */
function momentum(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < 1))
    throw new StreamscopeError('usage', `--momentum is "${text}", expected a number from 0 to below 1.`);
  return value;
}

export function addTraining(program: Command, signal: AbortSignal): void {
  program
    .command('train')
    .description('a ResNet18 from scratch on generated shapes and textures; run again to continue')
    .requiredOption('--out <folder>', 'checkpoints, then weights and accuracy')
    .addOption(
      new Option('--model <kind>', 'a residual network, or a weight for every pixel to compare it with')
        .choices(['resnet18', 'linear'])
        .default('resnet18'),
    )
    .option('--from <file>', 'weights to begin with, as training at a smaller size left them')
    .option('--width <channels>', 'after the stem; ResNet18 has 64', wholeNumber('--width', 1), 16)
    .option('--size <pixels>', 'rows and columns of an image', wholeNumber('--size', 32), 32)
    .option('--batch <n>', 'images per step', wholeNumber('--batch', 2), 64)
    .option('--steps <n>', 'in all', wholeNumber('--steps', 1), 4000)
    .option('--learning-rate <rate>', 'the largest', positive('--learning-rate'), 0.1)
    .option('--warmup <n>', 'steps until the largest rate', wholeNumber('--warmup', 0), 100)
    .option('--momentum <part>', 'of SGD', momentum, 0.9)
    .option('--weight-decay <rate>', 'of SGD', notNegative('--weight-decay'), 5e-4)
    .option('--seed <n>', 'of weights and images', wholeNumber('--seed', 0), 0)
    .option('--held-out <n>', 'images to be right about at the end', wholeNumber('--held-out', 1), 2000)
    .option('--checkpoint-every <n>', 'steps', wholeNumber('--checkpoint-every', 1), 100)
    .option('--json', 'one JSON document')
    .addOption(
      new Option('--progress <style>', 'on stderr').choices(['auto', 'json', 'none']).default('auto'),
    )
    .action((options) => train(options, signal));

  program
    .command('shapes')
    .description('generated images as PNG, one folder per class: what train learns from')
    .requiredOption('--out <folder>', 'where to')
    .option('--count <n>', 'images in all', wholeNumber('--count', 1), 500)
    .option('--size <pixels>', 'rows and columns', wholeNumber('--size', 1), 224)
    .option('--seed <n>', 'of the images', wholeNumber('--seed', 0), 0)
    .addOption(
      new Option('--split <which>', 'never trained on, or trained on')
        .choices(['held-out', 'training'])
        .default('held-out'),
    )
    .action((options) => shapes(options, signal));
}
