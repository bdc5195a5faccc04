import { describe, expect, it } from 'vitest';
import { halfToNumber, numberToHalf } from '../../src/model/elements.ts';
import { parseSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';
import type { Weights } from '../../src/model/weights.ts';
import { floats, join, le, safetensors } from '../support/hostileFiles.ts';
import { FUZZ_TIMEOUT, fuzz, refusal } from '../support/refusals.ts';

const weights: Weights = new Map([
  ['fc.weight', { shape: [2, 3], data: Float32Array.of(1, -2, 0.5, 0, 3, -0.25) }],
  ['conv1.weight', { shape: [1], data: Float32Array.of(0.1) }],
  ['empty', { shape: [0, 4], data: new Float32Array(0) }],
  ['scalar', { shape: [], data: Float32Array.of(7) }],
]);

const entry = (dtype: string, shape: string, begin: number | string, end: number | string) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;
const one = (fields: string, bytes = 4) => safetensors(`{"a":${fields}}`, new Uint8Array(bytes));

/** Like safetensors(), for headers of megabytes. */
function large(header: string): Uint8Array {
  const bytes = new Uint8Array(8 + header.length);
  bytes.set(le(header.length, 8));
  new TextEncoder().encodeInto(header, bytes.subarray(8));
  return bytes;
}

describe('halves', () => {
  it('survive a round trip, all 63,488 that are numbers', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = halfToNumber(bits);
      if (Number.isNaN(value)) continue;
      if (numberToHalf(value) !== bits) expect.fail(`${bits} became ${value}, then ${numberToHalf(value)}`);
    }
  });

  it('are the nearest ones, ties to even', () => {
    for (let bits = 0; bits < 0x7bff; bits++) {
      const low = halfToNumber(bits);
      const middle = (low + halfToNumber(bits + 1)) / 2;
      const even = bits % 2 ? bits + 1 : bits;
      const ulp = 2 ** (Math.floor(Math.log2(middle)) - 23);
      const got = [middle - ulp, middle, middle + ulp].map(numberToHalf);
      if (`${got}` !== `${[bits, even, bits + 1]}`) expect.fail(`between ${bits} and the next: ${got}`);
    }
    expect([65519, 65520, 1e9, Number.POSITIVE_INFINITY].map(numberToHalf)).toEqual([
      0x7bff, 0x7c00, 0x7c00, 0x7c00,
    ]);
    expect([-0, -1, Number.NaN, 1e-9].map(numberToHalf)).toEqual([0x8000, 0xbc00, 0x7e00, 0]);
  });
});

describe('writeSafetensors', () => {
  it('is read back as it was', () => {
    expect(new Map([...parseSafetensors(writeSafetensors(weights))].sort())).toEqual(
      new Map([...weights].sort()),
    );
  });

  it('gives the same bytes for the same tensors in any order', () => {
    const reversed = new Map([...weights].reverse());
    expect(writeSafetensors(reversed, { b: '2', a: '1' })).toEqual(
      writeSafetensors(weights, { a: '1', b: '2' }),
    );
  });

  it('writes the layout of the format: sorted names, metadata first, data 8-byte aligned', () => {
    const bytes = writeSafetensors(new Map([['w', { shape: [1], data: Float32Array.of(1) }]]), {
      title: 'x',
    });
    const header = '{"__metadata__":{"title":"x"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}     ';
    expect(header.length % 8).toBe(0);
    expect(bytes).toEqual(safetensors(header, floats(1)));
  });

  it('rounds to F16 on request, and refuses what F16 cannot hold', () => {
    const bytes = writeSafetensors(weights, {}, { dtype: 'F16' });
    expect(parseSafetensors(bytes).get('conv1.weight')?.data[0]).toBe(halfToNumber(numberToHalf(0.1)));
    const large: Weights = new Map([['w', { shape: [1], data: Float32Array.of(1e6) }]]);
    expect(refusal(() => writeSafetensors(large, {}, { dtype: 'F16' }))).toMatch(
      /w holds 1000000, F16 ends at 65504/,
    );
  });
});

describe('parseSafetensors', () => {
  it('converts every float type and leaves integers out', () => {
    const header = `{"h":${entry('F16', '[2]', 0, 4)},"b":${entry('BF16', '[2]', 4, 8)},"d":${entry('F64', '[1]', 8, 16)},
      "n":${entry('I64', '[]', 16, 24)},"f":${entry('F32', '[1]', 24, 28)}}`;
    const data = join(le(0x3c01, 2), le(0xc000, 2), le(0x3fc0, 2), le(0xff80, 2));
    const wide = new Uint8Array(Float64Array.of(0.1).buffer);
    const parsed = parseSafetensors(safetensors(header, join(data, wide, le(5, 8), floats(2.5))));
    expect([...parsed.keys()]).toEqual(['h', 'b', 'd', 'f']);
    expect(Array.from(parsed.get('h')!.data)).toEqual([1 + 1 / 1024, -2]);
    expect(Array.from(parsed.get('b')!.data)).toEqual([1.5, Number.NEGATIVE_INFINITY]);
    expect(parsed.get('d')!.data[0]).toBe(Math.fround(0.1));
    expect(parsed.get('f')!.data[0]).toBe(2.5);
  });

  it('reads a view into a larger buffer, and a tensor named __proto__', () => {
    const file = safetensors(`{"__proto__":${entry('F32', '[1]', 0, 4)}}`, floats(3));
    const parsed = parseSafetensors(join(1, 2, 3, file).subarray(3));
    expect(parsed.get('__proto__')).toEqual({ shape: [1], data: Float32Array.of(3) });
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  const two = (a: string, b: string, bytes: number) =>
    safetensors(`{"a":${a},"b":${b}}`, new Uint8Array(bytes));
  const f = entry('F32', '[1]', 0, 4);
  const hostile: [string, Uint8Array, RegExp][] = [
    ['no bytes', join(), /at least 8 bytes, got 0/],
    ['half a header size', join(1, 2, 3), /at least 8 bytes, got 3/],
    ['a header of 0 bytes', safetensors(''), /does not begin with '{'/],
    ['a header longer than the file', safetensors('{}', [], 3), /cut short/],
    ['a header of 1 MB and one byte', safetensors('{}', [], 1_000_001), /limit is 1 MB/],
    ['a header size of 2^64 - 1', safetensors('{}', [], 2n ** 64n - 1n), /limit is 1 MB/],
    ['a list for a header', safetensors('[]'), /does not begin with '{'/],
    ['a space before the header', safetensors(' {}'), /does not begin with '{'/],
    ['JSON cut short', safetensors('{"a":'), /not valid JSON/],
    ['a header that is not UTF-8', join(le(3, 8), '{\xff}'), /not valid UTF-8/],
    ['a list 100,000 deep', one(`${'['.repeat(1e5)}${']'.repeat(1e5)}`), /a is not an object/],
    ['objects 100,000 deep', one(`${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}`), /deeper than two levels/],
    ['a name given twice', two(f, f, 4).map((c) => (c === 0x62 ? 0x61 : c)), /a is given twice/],
    [
      'a name given twice, once escaped',
      safetensors(`{"a":${f},"\\u0061":${f}}`, floats(1)),
      /a is given twice/,
    ],
    [
      '__proto__ given twice',
      safetensors(`{"__proto__":${f},"__proto__":${f}}`, floats(1)),
      /__proto__ is given twice/,
    ],
    ['a dtype given twice', one(`{"dtype":"F32",${f.slice(1)}`), /dtype is given twice/],
    ['null for an entry', one('null'), /a is not an object/],
    ['text for an entry', one('"F32"'), /a is not an object/],
    ['an unknown field', one(`{"strides":[1],${f.slice(1)}`), /unknown field strides/],
    ['an unknown dtype', one(entry('F8_E4M3', '[4]', 0, 4)), /dtype F8_E4M3 is not supported/],
    ['the dtype __proto__', one(entry('__proto__', '[1]', 0, 4)), /dtype __proto__ is not supported/],
    ['the dtype toString', one(entry('toString', '[1]', 0, 4)), /dtype toString is not supported/],
    ['a shape that passes 2^64', one(entry('F32', '[4294967296,4294967296,4]', 0, 4)), /does not fill/],
    [
      'a shape that wraps to the right size',
      one(entry('F32', '[9007199254740991,2,0]', 0, 0), 0),
      /does not fill/,
    ],
    ['a size of 2^53', one(entry('F32', '[9007199254740992]', 0, 4)), /a needs dtype/],
    ['a negative size', one(entry('F32', '[-1]', 0, 4)), /a needs dtype/],
    ['a fractional size', one(entry('F32', '[0.5]', 0, 2), 2), /a needs dtype/],
    ['an infinite size', one(entry('F32', '[1e999]', 0, 4)), /a needs dtype/],
    ['65 dimensions', one(entry('F32', `[${Array(65).fill(1)}]`, 0, 4)), /a needs dtype/],
    ['a negative offset', one(entry('F32', '[1]', -4, 0)), /a needs dtype/],
    ['a NaN offset', one(entry('F32', '[1]', 'NaN', 4)), /not valid JSON/],
    ['a null offset', one(entry('F32', '[1]', 'null', 4)), /a needs dtype/],
    ['offsets backwards', one(entry('F32', '[1]', 4, 0)), /does not fill/],
    ['offsets that disagree with the shape', one(entry('F32', '[2]', 0, 4)), /does not fill/],
    ['three offsets', one('{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}'), /a needs dtype/],
    ['data cut short', one(f, 3), /cut short/],
    ['bytes after the data', one(f, 5), /belong to no tensor/],
    ['a hole before the data', one(entry('F32', '[1]', 4, 8), 8), /begins at byte 4, expected 0/],
    ['two tensors in one place', two(f, f, 4), /overlap or leave a hole/],
    [
      'tensors that overlap',
      two(entry('F32', '[2]', 0, 8), entry('F32', '[2]', 4, 12), 12),
      /begins at byte 4/,
    ],
    ['a hole', two(f, entry('F32', '[1]', 8, 12), 12), /begins at byte 8, expected 4/],
    ['an empty tensor in the middle of another', two(f, entry('F32', '[0]', 2, 2), 4), /begins at byte 2/],
    ['an empty tensor beyond the data', two(f, entry('F32', '[0]', 9, 9), 4), /begins at byte 9/],
    ['metadata that is no text', safetensors('{"__metadata__":{"a":1}}'), /map text to text/],
    ['metadata that is a list', safetensors('{"__metadata__":["a"]}'), /map text to text/],
  ];

  it.each(hostile)('refuses %s', (_, bytes, message) => {
    expect(refusal(() => parseSafetensors(bytes))).toMatch(message);
  });

  it('copes with the largest headers that the limit lets in', () => {
    const list = (item: string, bytes: number) => item.repeat(bytes / item.length);
    const entries = Array.from({ length: 13_000 }, (_, i) => `"${i}a":${entry('F32', '[0]', 0, 0)}`);
    expect(parseSafetensors(large(`{${entries}}`)).size).toBe(13_000);
    expect(refusal(() => parseSafetensors(large(`{"a":[${list('1,', 999_000)}1]}`)))).toMatch(
      /not an object/,
    );
    expect(refusal(() => parseSafetensors(large(`{"${list('a', 999_000)}":1}`)))).toMatch(/^.{1,200}$/);
    const sizes = `[${list('1,', 999_000 - 100)}1]`;
    expect(refusal(() => parseSafetensors(large(`{"a":${entry('F32', sizes, 0, 4)}}`)))).toMatch(
      /a needs dtype/,
    );
  });

  it('refuses every truncation', () => {
    const bytes = writeSafetensors(weights, { title: 'x' });
    for (let size = 0; size < bytes.length; size++) refusal(() => parseSafetensors(bytes.subarray(0, size)));
  });

  it(
    'refuses mutations or reads them, and does nothing else',
    () => {
      const files = [
        writeSafetensors(weights, { title: 'x' }),
        writeSafetensors(weights, {}, { dtype: 'F16' }),
      ];
      const { refused } = fuzz(files, parseSafetensors);
      expect(refused).toBeGreaterThan(0);
    },
    FUZZ_TIMEOUT,
  );
});
