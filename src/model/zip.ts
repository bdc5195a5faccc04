// Reads the stored (uncompressed) entries of a zip file, as torch.save writes them, from its central directory.
// The directory is the only authority: torch's local headers carry size 0. Everything else is refused by name:
// compression, encryption, several disks, entries that overlap or leave the file, names that climb or come twice,
// and zip64 fields that contradict the others. Nothing is copied or allocated by a claimed size.
// CRCs are not checked: torch may write files without them. Format: PKWARE APPNOTE.TXT 6.3.

import { StreamscopeError } from '../error.ts';
import { decodeUtf8, showName } from './elements.ts';

const END = 0x06054b50;
const END_SIZE = 22;
const LOCATOR = 0x07064b50;
const LOCATOR_SIZE = 20;
const END64 = 0x06064b50;
const END64_SIZE = 56;
const CENTRAL = 0x02014b50;
const CENTRAL_SIZE = 46;
const LOCAL = 0x04034b50;
const LOCAL_SIZE = 30;
const ZIP64_FIELD = 1;
const ALL_ONES = 0xffffffff;
const ENTRY_LIMIT = 10_000; // torch writes one per tensor

interface Directory {
  count: number;
  size: number;
  offset: number;
}

interface Entry {
  name: string;
  size: number;
  offset: number;
  nameBytes: Uint8Array;
}

interface Span {
  name: string;
  begin: number;
  data: number;
  end: number;
}

function bad(message: string, hint?: string): StreamscopeError {
  return new StreamscopeError('badInput', `zip: ${message}`, hint);
}

/**
 * The entries of a zip file by name, as views of `bytes`.
 * @throws StreamscopeError badInput for anything but plain stored entries.
 */
export function readZip(bytes: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const directory = findDirectory(view);
  const spans: Span[] = [];
  const entries = new Map<string, Uint8Array>();
  for (const entry of readDirectory(bytes, view, directory)) {
    if (entries.has(entry.name)) throw bad(`entry ${showName(entry.name)} is given twice.`);
    const span = locate(bytes, view, entry, directory.offset);
    spans.push(span);
    entries.set(entry.name, bytes.subarray(span.data, span.end));
  }
  checkOverlap(spans);
  return entries;
}

function findDirectory(view: DataView): Directory {
  const end = findEnd(view);
  const short = { count: view.getUint16(end + 10, true), ...readSizes(view, end + 12) };
  if (view.getUint32(end + 4, true) !== 0) throw bad('the archive is spread over several disks.');
  const locator = end - LOCATOR_SIZE;
  const isZip64 = locator >= 0 && view.getUint32(locator, true) === LOCATOR;
  const { directory, limit } = isZip64
    ? findDirectory64(view, locator, short)
    : { directory: short, limit: end };
  if (directory.offset + directory.size !== limit) {
    throw bad(
      `the directory claims ${directory.size} bytes at ${directory.offset}, expected its end at ${limit}.`,
    );
  }
  return directory;
}

function readSizes(view: DataView, at: number): { size: number; offset: number } {
  return { size: view.getUint32(at, true), offset: view.getUint32(at + 4, true) };
}

function findEnd(view: DataView): number {
  const last = view.byteLength - END_SIZE;
  for (let at = last; at >= 0 && at >= last - 0xffff; at--) {
    if (view.getUint32(at, true) === END && view.getUint16(at + 20, true) === last - at) return at;
  }
  throw bad('the end record is missing: the file is cut short.', 'Download or copy it again.');
}

function findDirectory64(view: DataView, locator: number, short: Directory) {
  const at = readU64(view, locator + 8, 'the zip64 end record offset');
  if (at + END64_SIZE > locator || view.getUint32(at, true) !== END64) {
    throw bad(`the zip64 end record is not at byte ${at}.`);
  }
  const directory: Directory = {
    count: readU64(view, at + 32, 'the zip64 entry count'),
    size: readU64(view, at + 40, 'the zip64 directory size'),
    offset: readU64(view, at + 48, 'the zip64 directory offset'),
  };
  const agrees =
    (short.count === 0xffff || short.count === directory.count) &&
    (short.size === ALL_ONES || short.size === directory.size) &&
    (short.offset === ALL_ONES || short.offset === directory.offset);
  if (!agrees) throw bad('the zip64 end record contradicts the plain end record.');
  return { directory, limit: at };
}

function readU64(view: DataView, at: number, what: string): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(view.byteLength))
    throw bad(`${what} is ${value}, the file has ${view.byteLength} bytes.`);
  return Number(value);
}

function readDirectory(bytes: Uint8Array, view: DataView, directory: Directory): Entry[] {
  const entries: Entry[] = [];
  const end = directory.offset + directory.size;
  let at = directory.offset;
  while (at < end) {
    if (at + CENTRAL_SIZE > end || view.getUint32(at, true) !== CENTRAL) {
      throw bad(`no directory entry at byte ${at}.`);
    }
    const nameEnd = at + CENTRAL_SIZE + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const next = extraEnd + view.getUint16(at + 32, true);
    if (next > end) throw bad(`the directory entry at byte ${at} leaves the directory.`);
    const nameBytes = bytes.subarray(at + CENTRAL_SIZE, nameEnd);
    const name = checkName(nameBytes);
    checkPlain(name, view.getUint16(at + 8, true), view.getUint16(at + 10, true));
    entries.push({ name, nameBytes, ...readExtent(view, at, nameEnd, extraEnd, name) });
    if (entries.length > ENTRY_LIMIT) throw bad(`more than ${ENTRY_LIMIT} entries.`);
    at = next;
  }
  if (entries.length !== directory.count) {
    throw bad(`the directory claims ${directory.count} entries, it holds ${entries.length}.`);
  }
  return entries;
}

function checkName(bytes: Uint8Array): string {
  const name = decodeUtf8(bytes);
  if (!name) throw bad('an entry has no readable name.');
  const climbs = /^[/]|^[A-Za-z]:|\\|\0/.test(name) || name.split('/').includes('..');
  if (climbs) throw bad(`entry name ${showName(name)} leaves the archive.`);
  return name;
}

function checkPlain(name: string, flags: number, method: number): void {
  if (flags & 0x2041) throw bad(`entry ${showName(name)} is encrypted.`);
  if (method !== 0)
    throw bad(
      `entry ${showName(name)} is compressed (method ${method}).`,
      'torch.save stores entries as they are.',
    );
}

/** Size and local header offset of a directory entry, from its zip64 field where the short ones are all ones. */
function readExtent(view: DataView, at: number, extra: number, extraEnd: number, name: string) {
  const packed = view.getUint32(at + 20, true);
  const short = [view.getUint32(at + 24, true), packed, view.getUint32(at + 42, true)];
  let field = short.includes(ALL_ONES) ? findZip64Field(view, extra, extraEnd, name) : undefined;
  const [size, packedSize, offset] = short.map((value) => {
    if (value !== ALL_ONES || !field) return value;
    if (field.at + 8 > field.end) throw bad(`entry ${showName(name)} has a zip64 field that is too short.`);
    const long = readU64(view, field.at, `entry ${showName(name)}: a zip64 size or offset`);
    field = { at: field.at + 8, end: field.end };
    return long;
  });
  if (size !== packedSize)
    throw bad(`entry ${showName(name)} is stored, yet takes ${packedSize} bytes for ${size}.`);
  return { size, offset };
}

function findZip64Field(view: DataView, begin: number, end: number, name: string) {
  for (let at = begin; at + 4 <= end; ) {
    const next = at + 4 + view.getUint16(at + 2, true);
    if (next > end) break;
    if (view.getUint16(at, true) === ZIP64_FIELD) return { at: at + 4, end: next };
    at = next;
  }
  throw bad(`entry ${showName(name)} needs a zip64 field and has none.`);
}

function locate(bytes: Uint8Array, view: DataView, entry: Entry, limit: number): Span {
  const { name, size, offset, nameBytes } = entry;
  if (offset + LOCAL_SIZE > limit || view.getUint32(offset, true) !== LOCAL) {
    throw bad(`entry ${showName(name)} has no local header at byte ${offset}.`);
  }
  const nameEnd = offset + LOCAL_SIZE + view.getUint16(offset + 26, true);
  const data = nameEnd + view.getUint16(offset + 28, true);
  const localName = bytes.subarray(offset + LOCAL_SIZE, nameEnd);
  if (localName.length !== nameBytes.length || !localName.every((byte, i) => byte === nameBytes[i])) {
    throw bad(`entry ${showName(name)} has another name in its local header.`);
  }
  checkPlain(name, view.getUint16(offset + 6, true), view.getUint16(offset + 8, true));
  if (data + size > limit)
    throw bad(`entry ${showName(name)} claims ${size} bytes at ${data}, the data end at ${limit}.`);
  const localSize = view.getUint32(offset + 22, true);
  if (localSize !== 0 && localSize !== ALL_ONES && localSize !== size) {
    throw bad(
      `entry ${showName(name)} has ${size} bytes in the directory, ${localSize} in its local header.`,
    );
  }
  return { name, begin: offset, data, end: data + size };
}

function checkOverlap(spans: Span[]): void {
  spans.sort((a, b) => a.begin - b.begin);
  for (let i = 1; i < spans.length; i++) {
    if (spans[i].begin < spans[i - 1].end) {
      throw bad(`entries ${showName(spans[i - 1].name)} and ${showName(spans[i].name)} overlap.`);
    }
  }
}
