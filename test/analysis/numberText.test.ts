import { expect, test } from 'vitest';
import { short, shortP } from '../../src/analysis/numberText.ts';

test.each([
  [0, '0.000'],
  [0.12345, '0.123'],
  [-4.567, '-4.57'],
  [45.67, '45.7'],
  [456.7, '457'],
  [1.23e-7, '1.2e-7'],
  [123456, '1.2e+5'],
  [Number.POSITIVE_INFINITY, 'infinite'],
  [null, 'n/a'],
  [undefined, 'n/a'],
])('%s is %s', (value, text) => expect(short(value)).toBe(text));

test('a p that has underflowed is not 0', () => {
  expect([shortP(0), shortP(0.05), shortP(null)]).toEqual(['< 1e-300', '= 0.050', '= n/a']);
});
