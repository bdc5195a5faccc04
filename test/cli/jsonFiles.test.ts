// JSON from strangers: only shallow, valid, and in UTF-8.

import { describe, expect, test } from 'vitest';
import { parseJson } from '../../src/cli/jsonFiles.ts';
import { FUZZ_TIMEOUT, fuzz, refusal } from '../support/refusals.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const million = 1_000_000;

describe('parseJson', () => {
  test('reads what JSON.parse reads', () => {
    for (const value of [null, 1.5, 'a "[[[" \\ b', [], { a: [{ b: '}}}' }] }])
      expect(parseJson(bytes(JSON.stringify(value)))).toEqual(value);
  });

  test('leaves prototypes alone', () => {
    const value = parseJson(bytes('{"__proto__": {"polluted": 1}, "constructor": 2}')) as object;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', bytes(''), /not JSON/],
    ['half a document', bytes('{"settings":'), /not JSON/],
    ['two documents', bytes('{}{}'), /not JSON/],
    ['NaN', bytes('{"offset": NaN}'), /not JSON/],
    ['JavaScript', bytes('(() => process.exit())()'), /not JSON/],
    ['bytes that are no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), /not UTF-8/],
    ['UTF-16', Uint8Array.from(Buffer.from('{}', 'utf16le')), /not JSON/],
    ['a million open brackets', bytes('['.repeat(million)), /deeper than 32/],
    ['a million nested lists', bytes('['.repeat(million) + ']'.repeat(million)), /deeper than 32/],
    [
      'a million nested objects',
      bytes(`${'{"a":'.repeat(million)}1${'}'.repeat(million)}`),
      /deeper than 32/,
    ],
    ['nesting behind closing brackets', bytes(`"]]]]]]" ${'['.repeat(40)}`), /deeper than 32/],
    ['nesting behind an escaped quote', bytes(`["\\"", ${'['.repeat(40)}`), /deeper than 32/],
  ])('refuses %s', (_, document, message) => {
    expect(refusal(() => parseJson(document), document.length)).toMatch(message);
  });

  test('brackets that close too early do not make room for more', () => {
    refusal(() => parseJson(bytes(`${']'.repeat(100)}${'['.repeat(100)}`)));
  });

  test(
    'refuses mutations or reads them, and what it reads can be written',
    () => {
      const valid = bytes(JSON.stringify({ a: [1, 'two', { three: null }], b: { c: '\\"[{' } }));
      const { accepted, refused } = fuzz([valid], (document) => JSON.stringify(parseJson(document)));
      expect(Math.min(accepted, refused)).toBeGreaterThan(0);
    },
    FUZZ_TIMEOUT,
  );
});
