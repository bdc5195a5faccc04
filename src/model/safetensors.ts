// Reads and writes .safetensors: u64 header size, a JSON header {name: {dtype, shape, data_offsets}}, then the data.
// Strict, as the reference implementation is: the header begins with '{' and is small, tensors tile the data
// without holes or overlaps, sizes are multiplied with overflow checks, and a name given twice is refused
// (JSON.parse would keep the last one silently). Float tensors become Float32Array; others are checked and left out.
// Format: https://github.com/huggingface/safetensors

import { StreamscopeError } from '../error.ts';
import {
  decodeUtf8,
  ELEMENT_BYTES,
  type ElementType,
  elementCount,
  isElementType,
  isFloatType,
  numberToHalf,
  READ_FLOAT,
  showName,
} from './elements.ts';
import type { Weights, WeightTensor } from './weights.ts';

const HEADER_LIMIT = 1_000_000; // 10,000 tensors; the format allows 100 MB, which JSON makes 10 s and a gigabyte
const FIELDS = ['dtype', 'shape', 'data_offsets'];
const RANK_LIMIT = 64;
const METADATA = '__metadata__';

interface Entry {
  name: string;
  dtype: ElementType;
  shape: readonly number[];
  begin: number;
  end: number;
}

function bad(message: string, hint?: string): StreamscopeError {
  return new StreamscopeError('badInput', `safetensors: ${message}`, hint);
}

/**
 * The float tensors of a .safetensors file, as float32.
 * @throws StreamscopeError badInput for anything the format does not allow.
 */
export function parseSafetensors(bytes: Uint8Array): Weights {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerEnd = findHeaderEnd(view);
  const entries = parseHeader(decodeHeader(bytes.subarray(8, headerEnd)));
  checkTiling(entries, bytes.length - headerEnd);
  const weights = new Map<string, WeightTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    if (!isFloatType(dtype)) continue;
    const width = ELEMENT_BYTES[dtype];
    const read = READ_FLOAT[dtype];
    const data = new Float32Array((end - begin) / width);
    for (let i = 0; i < data.length; i++) data[i] = read(view, headerEnd + begin + i * width);
    weights.set(name, { shape, data });
  }
  return weights;
}

function findHeaderEnd(view: DataView): number {
  if (view.byteLength < 8) throw bad(`expected a header of at least 8 bytes, got ${view.byteLength}.`);
  const headerSize = view.getBigUint64(0, true);
  if (headerSize > HEADER_LIMIT) throw bad(`the header claims ${headerSize} bytes, the limit is 1 MB.`);
  const end = 8 + Number(headerSize);
  if (end > view.byteLength) {
    throw bad(`the header claims ${headerSize} bytes, the file has ${view.byteLength}: it is cut short.`);
  }
  if (headerSize === 0n || view.getUint8(8) !== 0x7b) throw bad("the header does not begin with '{'.");
  return end;
}

function decodeHeader(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  if (text === undefined) throw bad('the header is not valid UTF-8.');
  return text;
}

function parseHeader(text: string): Entry[] {
  let header: object;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw new StreamscopeError('badInput', 'safetensors: the header is not valid JSON.', undefined, {
      cause,
    });
  }
  checkKeys(text);
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) checkMetadata(value);
    else entries.push(parseEntry(name, value));
  }
  return entries;
}

/** Refuses keys given twice and objects deeper than the format has. `text` is known to be valid JSON. */
function checkKeys(text: string): void {
  const open: Set<string>[] = [];
  let quoted = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const start = at++;
      while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
      quoted = text.slice(start, at + 1);
    } else if (character === '{') {
      if (open.push(new Set()) > 2) throw bad('the header is nested deeper than two levels.');
    } else if (character === '}') {
      open.pop();
    } else if (character === ':') {
      const key: string = JSON.parse(quoted); // escapes make one name of "a" and "\u0061"
      const keys = open.at(-1) as Set<string>;
      if (keys.has(key)) throw bad(`${showName(key)} is given twice.`);
      keys.add(key);
    }
  }
}

function checkMetadata(value: unknown): void {
  if (!isObject(value) || Object.values(value).some((text) => typeof text !== 'string')) {
    throw bad(`${METADATA} must map text to text.`);
  }
}

function parseEntry(name: string, value: unknown): Entry {
  const shown = showName(name);
  if (!isObject(value)) throw bad(`${shown} is not an object with ${FIELDS.join(', ')}.`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
    throw bad(`${shown} needs dtype, shape and data_offsets: text and whole numbers from 0 to 2^53.`);
  }
  const extra = Object.keys(value).find((key) => !FIELDS.includes(key));
  if (extra !== undefined) throw bad(`${shown} has an unknown field ${showName(extra)}.`);
  if (!isElementType(dtype)) {
    throw bad(`${shown}: dtype ${showName(dtype)} is not supported.`, 'Save the tensors as F32 or F16.');
  }
  const [begin, end] = offsets;
  const bytes = (elementCount(shape) ?? Number.NaN) * ELEMENT_BYTES[dtype];
  if (end - begin !== bytes) {
    throw bad(`${shown}: ${dtype} [${shape}] does not fill data_offsets [${offsets}].`);
  }
  return { name, dtype, shape, begin, end };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.length <= RANK_LIMIT &&
    value.every((size) => Number.isSafeInteger(size) && size >= 0)
  );
}

/** Every byte of the data belongs to exactly one tensor. */
function checkTiling(entries: readonly Entry[], dataSize: number): void {
  let covered = 0;
  for (const { name, begin, end } of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      throw bad(
        `${showName(name)} begins at byte ${begin}, expected ${covered}: tensors overlap or leave a hole.`,
      );
    }
    covered = end;
  }
  if (covered === dataSize) return;
  const what = covered > dataSize ? 'the file is cut short' : 'bytes belong to no tensor';
  throw bad(`the tensors take ${covered} bytes, the file holds ${dataSize}: ${what}.`);
}

/**
 * Writes tensors, sorted by name, as .safetensors: the same tensors give the same bytes, whatever their order.
 * @param options dtype F16 halves the size; a finite value beyond its range (65504) is refused.
 */
export function writeSafetensors(
  tensors: Weights,
  metadata: Readonly<Record<string, string>> = {},
  options: { dtype?: 'F32' | 'F16' } = {},
): Uint8Array<ArrayBuffer> {
  const dtype = options.dtype ?? 'F32';
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  const { header, dataSize } = formatHeader(sorted, metadata, dtype);
  const bytes = new Uint8Array(8 + header.length + dataSize);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  let at = 8 + header.length;
  for (const [name, { data }] of sorted) {
    for (const value of data) {
      if (dtype === 'F32') view.setFloat32(at, value, true);
      else view.setUint16(at, checkedHalf(name, value), true);
      at += ELEMENT_BYTES[dtype];
    }
  }
  return bytes;
}

function formatHeader(
  tensors: readonly (readonly [string, WeightTensor])[],
  metadata: Readonly<Record<string, string>>,
  dtype: 'F32' | 'F16',
): { header: Uint8Array; dataSize: number } {
  const fields: string[] = [];
  const notes = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (notes.length) fields.push(`"${METADATA}":${JSON.stringify(Object.fromEntries(notes))}`);
  let dataSize = 0;
  for (const [name, { shape, data }] of tensors) {
    if (name === METADATA || elementCount(shape) !== data.length) {
      throw new StreamscopeError(
        'bug',
        `writeSafetensors: ${name} is [${shape}] with ${data.length} values.`,
      );
    }
    const begin = dataSize;
    dataSize += data.length * ELEMENT_BYTES[dtype];
    fields.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, dataSize] })}`,
    );
  }
  const text = new TextEncoder().encode(`{${fields.join(',')}}`);
  const header = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(0x20); // spaces keep the data 8-byte aligned
  header.set(text);
  return { header, dataSize };
}

function checkedHalf(name: string, value: number): number {
  const half = numberToHalf(value);
  if (Number.isFinite(value) && (half & 0x7c00) === 0x7c00) {
    throw new StreamscopeError(
      'badInput',
      `writeSafetensors: ${name} holds ${value}, F16 ends at 65504.`,
      'Write F32 instead.',
    );
  }
  return half;
}
