// What is written is read back by our own reader; checksums, which that does not look at, are the format's.

import { expect, test } from 'vitest';
import { readZip } from '../../src/model/zip.ts';
import { crc32, ZipWriter } from '../../src/model/zipWriter.ts';

const files: [string, Uint8Array][] = [
  ['run/run.json', new TextEncoder().encode('{}\n')],
  ['run/resnet18/layer1.1/unit3/0_distill_center.npy', Uint8Array.from({ length: 70_000 }, (_, i) => i * i)],
  ['run/leer und ü.txt', new Uint8Array(0)],
];

function write(): Buffer {
  const writer = new ZipWriter();
  const parts = files.flatMap(([name, bytes]) => [writer.add(name, bytes), bytes]);
  return Buffer.concat([...parts, writer.end()]);
}

test('the checksum is that of the format', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
});

test('our reader finds the same files', () => {
  const entries = readZip(write());
  expect([...entries].map(([name, bytes]) => [name, Buffer.from(bytes)])).toEqual(
    files.map(([name, bytes]) => [name, Buffer.from(bytes)]),
  );
  expect(write()).toEqual(write());
});

test('every header has the checksum of its contents', () => {
  const zip = write();
  for (const [name, bytes] of files) {
    const local = zip.indexOf(name) - 30;
    const central = zip.lastIndexOf(name) - 46;
    expect([zip.readUInt32LE(local), zip.readUInt32LE(central)]).toEqual([0x04034b50, 0x02014b50]);
    expect([zip.readUInt32LE(local + 14), zip.readUInt32LE(central + 16)]).toEqual([
      crc32(bytes),
      crc32(bytes),
    ]);
    expect(zip.readUInt32LE(central + 42)).toBe(local);
  }
});

test('a name comes once; an empty archive is one', () => {
  const writer = new ZipWriter();
  writer.add('a', new Uint8Array(1));
  expect(() => writer.add('a', new Uint8Array(1))).toThrow('given twice');
  expect(readZip(new ZipWriter().end()).size).toBe(0);
});
