import { describe, expect, it } from 'vitest';
import { readZip } from '../../src/model/zip.ts';
import { join, le, type ZipEnd, type ZipEntry, zip } from '../support/hostileFiles.ts';
import { FUZZ_TIMEOUT, fuzz, refusal } from '../support/refusals.ts';

const a: ZipEntry = { name: 'x/a', data: [1, 2, 3] };
const b: ZipEntry = { name: 'x/b', data: [4, 5, 6, 7] };
const ONES = 0xffffffff;
const zip64Field = (...values: (number | bigint)[]) =>
  join(le(1, 2), le(8 * values.length, 2), ...values.map((value) => le(value, 8)));
const alone = (fields: Partial<ZipEntry>) => zip([{ ...a, ...fields }]);
const ending = (end: ZipEnd) => zip([a, b], end);

describe('readZip', () => {
  it('gives the entries as views', () => {
    const bytes = zip([a, b]);
    const entries = readZip(bytes);
    expect(Object.fromEntries(entries)).toEqual({
      'x/a': Uint8Array.of(1, 2, 3),
      'x/b': Uint8Array.of(4, 5, 6, 7),
    });
    expect(entries.get('x/a')?.buffer).toBe(bytes.buffer);
  });

  it('reads a view into a larger buffer, an archive without entries, and one with a comment', () => {
    expect(readZip(join(9, 9, 9, zip([a])).subarray(3)).get('x/a')).toEqual(Uint8Array.of(1, 2, 3));
    expect(readZip(zip([])).size).toBe(0);
    expect(readZip(ending({ comment: 'PK\x05\x06, a comment that looks like an end record' })).size).toBe(2);
  });

  it('reads zip64 records and fields', () => {
    expect(readZip(ending({ zip64: {} })).size).toBe(2);
    expect(readZip(ending({ zip64: {}, count: 0xffff, size: ONES, offset: ONES })).size).toBe(2);
    const other = join(le(0x4246, 2), le(2, 2), 'ZZ'); // torch pads with such a field
    const long = alone({ size: ONES, packed: ONES, offset: ONES, extra: join(other, zip64Field(3, 3, 0)) });
    expect(readZip(long).get('x/a')).toEqual(Uint8Array.of(1, 2, 3));
  });

  const hostile: [string, Uint8Array, RegExp][] = [
    ['no bytes', join(), /end record is missing/],
    ['text', join('hello, this is no zip archive at all'), /end record is missing/],
    ['bytes after the end', join(zip([a]), 0), /end record is missing/],
    ['bytes before the archive', join(0, zip([a])), /expected its end/],
    ['two disks', ending({ disk: 1 }), /several disks/],
    ['compression', alone({ method: 8 }), /x\/a is compressed \(method 8\)/],
    ['a bomb: 10 bytes that claim 4 GB', alone({ method: 8, size: ONES - 1, packed: 10 }), /is compressed/],
    ['stored, with two sizes', alone({ size: 3, packed: 2 }), /takes 2 bytes for 3/],
    ['encryption', alone({ flags: 1 }), /x\/a is encrypted/],
    ['strong encryption', alone({ flags: 0x40 }), /is encrypted/],
    ['an encrypted directory', alone({ flags: 0x2000 }), /is encrypted/],
    ['the same name twice', zip([a, a]), /x\/a is given twice/],
    ['two entries on one place', zip([a, { ...a, offset: 0 }]), /given twice/],
    ['two names for one place', zip([a, { ...b, offset: 0, localName: 'x/a' }]), /another name/],
    ['an entry that covers the next header', zip([{ ...a, size: 8 }, b]), /x\/a and x\/b overlap/],
    ['an entry larger than the file', alone({ size: 1_000_000 }), /claims 1000000 bytes/],
    ['an entry that covers the directory', alone({ size: 4 }), /claims 4 bytes/],
    [
      'a local size that disagrees',
      alone({ localSize: 2 }),
      /3 bytes in the directory, 2 in its local header/,
    ],
    ['a local name that disagrees', alone({ localName: 'x/z' }), /another name/],
    ['an offset beyond the file', alone({ offset: 1_000_000 }), /no local header at byte 1000000/],
    ['an offset to no header', alone({ offset: 1 }), /no local header at byte 1/],
    ['a name that climbs', alone({ name: 'x/../../etc/passwd' }), /leaves the archive/],
    ['a name from the root', alone({ name: '/etc/passwd' }), /leaves the archive/],
    ['a name with a drive', alone({ name: 'C:x' }), /leaves the archive/],
    ['a name with backslashes', alone({ name: '..\\x' }), /leaves the archive/],
    ['a name with a zero byte', alone({ name: 'x\0y' }), /leaves the archive/],
    ['no name', alone({ name: '' }), /no readable name/],
    ['a name that is not UTF-8', alone({ name: '\xff' }), /no readable name/],
    ['fewer entries than claimed', ending({ count: 3 }), /claims 3 entries, it holds 2/],
    ['more entries than claimed', ending({ count: 1 }), /claims 1 entries, it holds 2/],
    ['a directory beyond the file', ending({ offset: 1_000_000 }), /expected its end/],
    ['a directory of the wrong size', ending({ size: 46 }), /expected its end/],
    [
      'a directory that begins in the data',
      ending({ offset: 0, size: zip([a, b]).length - 22 }),
      /no directory entry/,
    ],
    ['zip64: another count', ending({ zip64: { count: 3 } }), /contradicts/],
    ['zip64: another offset', ending({ zip64: { offset: 1 } }), /contradicts/],
    [
      'zip64: a size of 2^64 - 1',
      ending({ size: ONES, zip64: { size: 2n ** 64n - 1n } }),
      /size is 18446744073709551615/,
    ],
    [
      'zip64: a record beyond the file',
      ending({ zip64: { at: 2n ** 63n } }),
      /offset is 9223372036854775808/,
    ],
    ['zip64: a record elsewhere', ending({ zip64: { at: 3 } }), /is not at byte 3/],
    ['zip64: an entry without its field', alone({ size: ONES, packed: ONES }), /needs a zip64 field/],
    ['zip64: a field too short', alone({ size: ONES, packed: ONES, extra: zip64Field(3) }), /too short/],
    [
      'zip64: a size of 2^63',
      alone({ size: ONES, packed: ONES, extra: zip64Field(2n ** 63n, 3) }),
      /is 9223372036854775808/,
    ],
    [
      'zip64: a field beyond the extra',
      alone({ size: ONES, packed: ONES, extra: join(le(1, 2), le(99, 2)) }),
      /needs a zip64/,
    ],
  ];

  it.each(hostile)('refuses %s', (_, bytes, message) => {
    expect(refusal(() => readZip(bytes))).toMatch(message);
  });

  it('refuses 20,000 entries', () => {
    const many = Array.from({ length: 300 }, (_, i) => ({ name: `${i}`, data: [] }));
    expect(readZip(zip(many)).size).toBe(300);
    const directory = join('PK\x01\x02', new Uint8Array(24), le(1, 2), new Uint8Array(16), 'a');
    const bytes = new Uint8Array(20_000 * directory.length + 22);
    for (let i = 0; i < 20_000; i++) bytes.set(directory, i * directory.length);
    const end = join('PK\x05\x06', le(0, 8), le(20_000 * directory.length, 4), le(0, 6));
    bytes.set(end, bytes.length - 22);
    expect(refusal(() => readZip(bytes))).toMatch(/more than 10000 entries/);
  });

  it('refuses every truncation', () => {
    for (const bytes of [zip([a, b]), ending({ zip64: {} })]) {
      for (let size = 0; size < bytes.length; size++) refusal(() => readZip(bytes.subarray(0, size)));
    }
  });

  it(
    'refuses mutations or reads them, and does nothing else',
    () => {
      const long = alone({ size: ONES, packed: ONES, offset: ONES, extra: zip64Field(3, 3, 0) });
      const { accepted, refused } = fuzz(
        [zip([a, b]), ending({ zip64: {}, comment: 'hello' }), long],
        readZip,
      );
      expect(Math.min(accepted, refused)).toBeGreaterThan(0);
    },
    FUZZ_TIMEOUT,
  );
});
