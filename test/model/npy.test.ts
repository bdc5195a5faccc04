import { describe, expect, it } from 'vitest';
import { type NpyData, parseNpy, writeNpy } from '../../src/model/npy.ts';
import saved from '../fixtures/npy.json' with { type: 'json' };
import { floats, join, le } from '../support/hostileFiles.ts';
import { FUZZ_TIMEOUT, fuzz, refusal } from '../support/refusals.ts';

const decode = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const matrix = Float32Array.from({ length: 6 }, (_, i) => i / 8);

/** A version 1 file whose header text and claimed header size may be anything. */
const npy = (header: string, data: ArrayLike<number> = floats(1, 2), headerSize = header.length) =>
  join(0x93, 'NUMPY', 1, 0, le(headerSize, 2), header, data);
const dict = (descr: string, shape: string, order = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;

describe('writeNpy', () => {
  const arrays: [keyof typeof saved, number[], NpyData][] = [
    ['matrix', [2, 3], matrix],
    ['scalar', [], Float64Array.of(2.5)],
    ['bytes', [3], Uint8Array.of(0, 1, 2)],
    ['empty', [0, 4], new Int32Array(0)],
    ['unsigned', [2], Uint32Array.of(0, 2 ** 32 - 1)],
  ];

  it.each(arrays)('writes the bytes of numpy.save, and reads them back: %s', (name, shape, data) => {
    expect(writeNpy(shape, data)).toEqual(decode(saved[name]));
    expect(parseNpy(decode(saved[name]))).toEqual({ shape, data });
  });
});

describe('parseNpy', () => {
  it('reads version 2', () => {
    expect(parseNpy(decode(saved.version2))).toEqual({ shape: [2, 3], data: matrix });
  });

  it('reads 8-byte integers as numbers', () => {
    const data = Float64Array.of(-(2 ** 53) + 1, 2 ** 53 - 1);
    expect(parseNpy(decode(saved.long))).toEqual({ shape: [2, 1], data });
  });

  it('reads a view into a larger buffer, and the spacing of other writers', () => {
    const file = join(1, 2, 3, npy("{'descr':'<f4','fortran_order':False,'shape':(2,)}"));
    expect(parseNpy(file.subarray(3))).toEqual({ shape: [2], data: Float32Array.of(1, 2) });
  });

  const hostile: [string, Uint8Array, RegExp][] = [
    ['no bytes', join(), /does not begin/],
    ['the magic alone', join(0x93, 'NUMPY'), /cut short/],
    ['another magic', join(0x93, 'NUMPX', 1, 0, le(0, 4)), /does not begin/],
    ['version 3', decode(saved.version3), /version 3.0/],
    ['Fortran order', decode(saved.fortran), /Fortran order/],
    ['a header beyond the file', npy(dict('<f4', '(2,)'), [], 200), /cut short/],
    ['a header of 60,000 bytes', npy(' '.repeat(60_000)), /limit is 10000/],
    ['a header of 4 GB', join(0x93, 'NUMPY', 2, 0, le(0xffffffff, 4)), /limit is 10000/],
    ['an expression for a header', npy("__import__('os').system('id')"), /not the dict/],
    ['a shape that is an expression', npy(dict('<f4', '(2**40,)')), /not the dict/],
    ['a negative size', npy(dict('<f4', '(-2,)')), /not the dict/],
    ['a size of NaN', npy(dict('<f4', '(nan,)')), /not the dict/],
    ['a size of nothing', npy(dict('<f4', '(2,,1)')), /"" is not a size/],
    ['a size of 2^53', npy(dict('<f4', '(9007199254740992,)')), /is not a size/],
    ['a shape that passes 2^64', npy(dict('<f4', '(4294967296, 4294967296, 2)')), /does not fill/],
    ['a shape larger than the file', npy(dict('<f4', '(1000000000,)')), /does not fill/],
    ['a shape smaller than the file', npy(dict('<f4', '(1,)')), /does not fill/],
    ['65 dimensions', npy(dict('<f4', `(${'1, '.repeat(65)})`), floats(1)), /65 dimensions/],
    ['big-endian floats', npy(dict('>f4', '(2,)')), /type ">f4" is not supported/],
    ['Python objects', npy(dict('|O', '(1,)')), /is not supported/],
    ['the type __proto__', npy(dict('__proto__', '(2,)')), /type __proto__ is not supported/],
    ['an integer beyond 2^53', npy(dict('<i8', '(1,)'), le(2n ** 53n, 8)), /beyond 2\^53/],
    [
      'a header of spaces that a backtracking match would choke on',
      npy(`{${' '.repeat(9_990)}`),
      /not the dict/,
    ],
  ];

  it.each(hostile)('refuses %s', (_, bytes, message) => {
    expect(refusal(() => parseNpy(bytes))).toMatch(message);
  });

  it('refuses every truncation', () => {
    const bytes = writeNpy([2, 3], matrix);
    for (let size = 0; size < bytes.length; size++) refusal(() => parseNpy(bytes.subarray(0, size)));
  });

  it(
    'refuses mutations or reads them, and does nothing else',
    () => {
      const files = Object.values(saved).map(decode);
      const { accepted, refused } = fuzz(files, parseNpy);
      expect(Math.min(accepted, refused)).toBeGreaterThan(0);
    },
    FUZZ_TIMEOUT,
  );
});
