// Reads and writes NumPy's .npy: magic, version, header size, a dict {descr, fortran_order, shape}, then the data.
// Reads versions 1 and 2, little-endian, C order; the data must fill the file exactly. 8-byte integers become float64
// and must be below 2^53. Writes version 1, the same bytes that numpy.save writes.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

import { StreamscopeError } from '../error.ts';
import { elementCount, showName } from './elements.ts';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY
const HEADER_LIMIT = 10_000; // NumPy's own limit
const ALIGNMENT = 64;
const GROWTH = 21; // NumPy keeps room for the first size to become any 64-bit number

export type NpyData = Float32Array | Float64Array | Uint8Array | Int32Array | Uint32Array;

export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: NpyData;
}

interface Format {
  width: number;
  make: (count: number) => NpyData;
  read: (view: DataView, at: number) => number;
}

const FORMATS = new Map<string, Format>([
  ['<f4', { width: 4, make: (n) => new Float32Array(n), read: (view, at) => view.getFloat32(at, true) }],
  ['<f8', { width: 8, make: (n) => new Float64Array(n), read: (view, at) => view.getFloat64(at, true) }],
  ['|u1', { width: 1, make: (n) => new Uint8Array(n), read: (view, at) => view.getUint8(at) }],
  ['<i4', { width: 4, make: (n) => new Int32Array(n), read: (view, at) => view.getInt32(at, true) }],
  ['<u4', { width: 4, make: (n) => new Uint32Array(n), read: (view, at) => view.getUint32(at, true) }],
  ['<i8', { width: 8, make: (n) => new Float64Array(n), read: readInt64 }],
]);

function bad(message: string, hint?: string): StreamscopeError {
  return new StreamscopeError('badInput', `npy: ${message}`, hint);
}

/**
 * The array of a .npy file.
 * @throws StreamscopeError badInput for other types, orders and versions, and when sizes do not match the file.
 */
export function parseNpy(bytes: Uint8Array): NpyArray {
  const { text, end } = readHeader(bytes);
  const { descr, shape } = parseHeader(text);
  const format = FORMATS.get(descr);
  if (!format) {
    throw bad(
      `type ${showName(descr)} is not supported.`,
      `Save it as one of ${[...FORMATS.keys()].join(' ')}.`,
    );
  }
  const count = elementCount(shape);
  if (count === undefined || count * format.width !== bytes.length - end) {
    throw bad(`${descr} [${shape}] does not fill the ${bytes.length - end} bytes of data.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = format.make(count);
  for (let i = 0; i < count; i++) data[i] = format.read(view, end + i * format.width);
  return { shape, data };
}

function readHeader(bytes: Uint8Array): { text: string; end: number } {
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) throw bad('the file does not begin as .npy does.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12) throw bad('the file is cut short.');
  const version = `${bytes[6]}.${bytes[7]}`;
  if (version !== '1.0' && version !== '2.0') throw bad(`version ${version}, expected 1.0 or 2.0.`);
  const start = version === '1.0' ? 10 : 12;
  const size = version === '1.0' ? view.getUint16(8, true) : view.getUint32(8, true);
  if (size > HEADER_LIMIT) throw bad(`the header claims ${size} bytes, the limit is ${HEADER_LIMIT}.`);
  if (start + size > bytes.length) throw bad('the file is cut short.');
  return { text: new TextDecoder('latin1').decode(bytes.subarray(start, start + size)), end: start + size };
}

function parseHeader(text: string): { descr: string; shape: number[] } {
  const match =
    /^\{ ?'descr' ?: ?'([^']*)' ?, ?'fortran_order' ?: ?(True|False) ?, ?'shape' ?: ?\(([\d, ]*)\) ?,? ?\}$/.exec(
      text.trimEnd(),
    );
  if (!match) throw bad('the header is not the dict that NumPy writes.');
  const [, descr, fortranOrder, sizes] = match;
  if (fortranOrder === 'True')
    throw bad('the array is in Fortran order.', 'Save numpy.ascontiguousarray(x).');
  const parts = sizes.trim().replace(/,$/, '').split(',');
  const shape = sizes.trim() === '' ? [] : parts.map((part) => parseSize(part.trim()));
  if (shape.length > 64) throw bad(`${shape.length} dimensions, the limit is 64.`);
  return { descr, shape };
}

function parseSize(text: string): number {
  const size = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(size)) throw bad(`${showName(text)} is not a size.`);
  return size;
}

function readInt64(view: DataView, at: number): number {
  const value = Number(view.getBigInt64(at, true));
  if (!Number.isSafeInteger(value)) throw bad(`the integer at byte ${at} is beyond 2^53.`);
  return value;
}

/** An array as .npy, in the type of `data`. The same array gives the same bytes. */
export function writeNpy(shape: readonly number[], data: NpyData): Uint8Array<ArrayBuffer> {
  if (elementCount(shape) !== data.length) {
    throw new StreamscopeError('bug', `writeNpy: shape [${shape}] with ${data.length} values.`);
  }
  const header = npyHeader(shape, describe(data));
  const bytes = new Uint8Array(header.length + data.byteLength);
  bytes.set(header);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), header.length);
  return bytes;
}

function describe(data: NpyData): string {
  if (data instanceof Float32Array) return '<f4';
  if (data instanceof Float64Array) return '<f8';
  if (data instanceof Int32Array) return '<i4';
  return data instanceof Uint32Array ? '<u4' : '|u1';
}

/** What precedes the data. The first size does not change its length, so that it can be filled in later. */
export function npyHeader(shape: readonly number[], descr: string): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const room = shape.length > 0 ? GROWTH - String(shape[0]).length : 0;
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }${' '.repeat(room)}`;
  const total = Math.ceil((10 + dict.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = new Uint8Array(total).fill(0x20);
  header.set([...MAGIC, 1, 0]);
  new DataView(header.buffer).setUint16(8, total - 10, true);
  header.set(new TextEncoder().encode(dict), 10);
  header[total - 1] = 0x0a;
  return header;
}
