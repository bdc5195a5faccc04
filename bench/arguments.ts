// Options that several benchmarks share, read and refused in the words of the command line.

import { StreamscopeError } from '../src/error.ts';

const usage = (option: string, text: string, expected: string): StreamscopeError =>
  new StreamscopeError('usage', `${option} is "${text}", expected ${expected}.`);

export const list = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

export const wholeNumbers =
  (option: string) =>
  (text: string): number[] => {
    const values = list(text).map(Number);
    if (values.length > 0 && values.every((value) => Number.isInteger(value) && value > 0)) return values;
    throw usage(option, text, 'whole numbers above 0, as in 1,8');
  };

export const wholeNumber =
  (option: string, least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= least) return value;
    throw usage(option, text, `a whole number from ${least} on`);
  };

export const positive =
  (option: string) =>
  (text: string): number => {
    const value = Number(text);
    if (value > 0 && Number.isFinite(value)) return value;
    throw usage(option, text, 'a number above 0');
  };

/** A list of names, all of which must be among `known`. */
export const choices =
  <Name extends string>(option: string, known: readonly Name[]) =>
  (text: string): Name[] => {
    const names = [...new Set(list(text))];
    const wrong = names.find((name) => !known.includes(name as Name));
    if (names.length > 0 && !wrong) return names as Name[];
    throw usage(option, text, `${known.length > 1 ? 'some of ' : ''}${known.join(', ')}`);
  };
