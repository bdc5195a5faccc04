// A planted fault replaces a text that must be there once. This says so at every run of the tests; plant.mjs plants them.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

type Fault = [kind: string, file: string, text: string, instead: string];

const suites: { faults: Fault[] }[][] = await Promise.all(
  ['plain', 'image', 'simd', 'gemm', 'training'].map(async (family) => {
    const name = `${family}Faults`;
    return (await import(/* @vite-ignore */ new URL(`${name}.mjs`, import.meta.url).href))[name];
  }),
);
const kernels = new URL('../../src/kernels/', import.meta.url);

test.each(suites.flat().flatMap(({ faults }) => faults))('%s in %s', (_, file, text, instead) => {
  expect(readFileSync(new URL(file, kernels), 'utf8').split(text).length - 1).toBe(1);
  expect(instead).not.toBe(text);
});
