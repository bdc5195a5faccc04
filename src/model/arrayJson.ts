// Typed arrays within JSON, for what passes between the command line and a page it drives: an array becomes its kind and
// its bytes in base64, so every float arrives bit for bit, NaN included. Both ends have the byte order of all machines
// that run browsers, little-endian.

import { StreamscopeError } from '../error.ts';

const KINDS = { Uint8Array, Float32Array, Float64Array };
type Kind = keyof typeof KINDS;
type Arrays = Uint8Array | Float32Array | Float64Array;

const isArray = (value: object): value is Arrays =>
  ArrayBuffer.isView(value) && Object.hasOwn(KINDS, (value as Arrays)[Symbol.toStringTag]);

/** A copy of `value` that JSON can hold. */
export function toJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(toJson);
  if (isArray(value))
    return {
      $array: value[Symbol.toStringTag],
      base64: toBase64(value.buffer, value.byteOffset, value.byteLength),
    };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]));
}

/** What `toJson` was given. Throws bug for an array of no such kind. */
export function fromJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(fromJson);
  if ('$array' in value) return arrayOf(value as { $array: string; base64: string });
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromJson(item)]));
}

function arrayOf({ $array: kind, base64 }: { $array: string; base64: string }): Arrays {
  if (!Object.hasOwn(KINDS, kind))
    throw new StreamscopeError('bug', `fromJson: there is no array called ${kind}.`);
  const { buffer } = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return new KINDS[kind as Kind](buffer);
}

function toBase64(buffer: ArrayBufferLike, offset: number, length: number): string {
  const bytes = new Uint8Array(buffer, offset, length);
  let text = '';
  // as many arguments as any engine takes
  for (let i = 0; i < length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}
