// A planted fault replaces a text that must be there once. This says so at every run of the tests; plant.mjs plants them.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { gemmFaults } from './gemmFaults.mjs';
import { imageFaults } from './imageFaults.mjs';
import { plainFaults } from './plainFaults.mjs';
import { simdFaults } from './simdFaults.mjs';
import { trainingFaults } from './trainingFaults.mjs';

const suites = [plainFaults, imageFaults, simdFaults, gemmFaults, trainingFaults].flat();
const faults = suites.flatMap(({ faults }) => faults as [string, string, string, string][]);
const kernels = new URL('../../src/kernels/', import.meta.url);

test.each(faults)('%s in %s', (_, file, text, instead) => {
  expect(readFileSync(new URL(file, kernels), 'utf8').split(text).length - 1).toBe(1);
  expect(instead).not.toBe(text);
});
