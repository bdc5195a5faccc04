// Writes a zip file with its entries stored as they are: what readZip reads. Headers and contents come piece by piece,
// so the whole need never be in memory. No zip64: below 4 GiB and 65,536 entries. Dates are the format's first day, so
// the same files give the same bytes. Format: PKWARE APPNOTE.TXT 6.3.

import { StreamscopeError } from '../error.ts';

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
const UTF8_NAMES = 0x0800;
const FIRST_DAY = 0x0021; // 1980-01-01
const MOST_BYTES = 0xffffffff;
const MOST_ENTRIES = 0xffff;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** The checksum of zip and PNG. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

export class ZipWriter {
  readonly #central: Uint8Array[] = [];
  readonly #names = new Set<string>();
  #at = 0;

  /** What precedes the contents of an entry. Throws usage when a zip file cannot hold more, bug for a second such name. */
  add(name: string, contents: Uint8Array): Uint8Array {
    if (this.#names.has(name)) throw new StreamscopeError('bug', `ZipWriter: ${name} is given twice.`);
    this.#names.add(name);
    const bytes = new TextEncoder().encode(name);
    const offset = this.#at;
    this.#at += 30 + bytes.length + contents.length;
    // the directory takes 46 bytes and the name for each
    if (this.#at + 200 * this.#names.size > MOST_BYTES || this.#names.size > MOST_ENTRIES)
      throw new StreamscopeError('usage', 'One zip file cannot hold all this.', 'Keep less at once.');
    // version, flags, method, time, date, checksum, packed size, size, length of the name, of extras
    const facts: Field[] = [
      ...[VERSION, UTF8_NAMES, 0, 0, FIRST_DAY].map((value): Field => [2, value]),
      [4, crc32(contents)],
      [4, contents.length],
      [4, contents.length],
      [2, bytes.length],
      [2, 0],
    ];
    // comment, disk, internal and external attributes
    const rest: Field[] = [
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, offset],
    ];
    this.#central.push(record([[4, CENTRAL], [2, VERSION], ...facts, ...rest], bytes));
    return record([[4, LOCAL], ...facts], bytes);
  }

  /** What follows the last entry. */
  end(): Uint8Array {
    const size = this.#central.reduce((sum, { length }) => sum + length, 0);
    const count = this.#names.size;
    const fields: Field[] = [
      [4, END],
      [2, 0],
      [2, 0],
      [2, count],
      [2, count],
      [4, size],
      [4, this.#at],
      [2, 0],
    ];
    return concatenate([...this.#central, record(fields)]);
  }
}

type Field = [width: 2 | 4, value: number];

/** Numbers in little-endian order, and bytes behind them. */
function record(fields: readonly Field[], tail = new Uint8Array(0)): Uint8Array {
  const width = fields.reduce((sum, [bytes]) => sum + bytes, 0);
  const result = new Uint8Array(width + tail.length);
  const view = new DataView(result.buffer);
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  result.set(tail, width);
  return result;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
