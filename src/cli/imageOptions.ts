// Options that every command shares that makes images, or says which would be made: one place for their defaults.

import { type Command, Option } from 'commander';
import { StreamscopeError } from '../error.ts';
import { SEED_STRIDE } from '../visualization/campaign.ts';
import { JITTER_MODES } from '../visualization/jitter.ts';

/** The study's settings of an image; what a command's options are called on the command line. */
export function addImageSettings(command: Command): Command {
  return command
    .option('--steps <n>', 'steps of Adam', wholeNumber('--steps', 1), 2560)
    .option('--seed <n>', 'first seed', wholeNumber('--seed', 0), 0)
    .option('--jitter <pixels>', "below 4 is none (default: the study's, by tap)", wholeNumber('--jitter', 0))
    .addOption(
      new Option('--jitter-mode <mode>', 'to the right and down only, as the study, or about the unit')
        .choices(JITTER_MODES)
        .default('faithful'),
    )
    .option('--learning-rate <rate>', 'of Adam', positive('--learning-rate'), 0.05)
    .option('--size <pixels>', 'rows and columns of the image', wholeNumber('--size', 64), 224)
    .option(
      '--retries <n>',
      'further seeds when a unit is dead or diverges',
      wholeNumber('--retries', 0, SEED_STRIDE - 1),
      2,
    );
}

/** Which images a run consists of. */
export function addRequest(command: Command): Command {
  return command
    .option('--blocks <list>', '1.1,2.0 (default: all but the first, as the study)')
    .option('--seeds <n>', 'images per unit, of seeds 1000 apart', wholeNumber('--seeds', 1), 3)
    .option(
      '--display <channels>',
      'make O and whole channels as well, to look at: 1.1:19,2.0:3-15, all, or named (by the report)',
    );
}

/** How images are made, which changes no byte of them. */
export function addCampaignOptions(command: Command): Command {
  return command
    .option(
      '--batch <n>',
      'images at once (default: what suits adapter and memory)',
      wholeNumber('--batch', 1),
    )
    .addOption(
      new Option('--progress <style>', 'on stderr').choices(['auto', 'json', 'none']).default('auto'),
    );
}

/** Reads a whole number of at least `least`, and at most `most` if given, from the command line. */
export function wholeNumber(name: string, least: number, most?: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const limit = most ?? Number.MAX_SAFE_INTEGER;
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least || value > limit) {
      const range = most === undefined ? `of at least ${least}` : `from ${least} to ${most}`;
      throw new StreamscopeError('usage', `${name} is "${text}", expected a whole number ${range}.`);
    }
    return value;
  };
}

/** Reads a number above 0 from the command line. */
export const positive =
  (name: string) =>
  (text: string): number => {
    const value = Number(text);
    if (value > 0 && Number.isFinite(value)) return value;
    throw new StreamscopeError('usage', `${name} is "${text}", expected a number above 0.`);
  };
