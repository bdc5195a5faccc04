// How tensor elements are stored in weight files: their types and widths, and the conversion to numbers.
// Type names are those of safetensors (F32, BF16, I64, ...). All files are little-endian.
// Half:     (-1)^s 2^(e-15) (1 + m/1024), with e = 0 for subnormals and e = 31 for infinities and NaN.
// BFloat16: the upper 16 bits of a float32.

/** Bytes per element of every type that a weights file may hold. */
export const ELEMENT_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

export type ElementType = keyof typeof ELEMENT_BYTES;
export type FloatType = 'F64' | 'F32' | 'F16' | 'BF16';

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** Reads one element at a byte offset. The caller checks the bounds. */
export const READ_FLOAT: Record<FloatType, (view: DataView, at: number) => number> = {
  F64: (view, at) => view.getFloat64(at, true),
  F32: (view, at) => view.getFloat32(at, true),
  F16: (view, at) => halfToNumber(view.getUint16(at, true)),
  BF16: (view, at) => {
    word[0] = view.getUint16(at, true) << 16;
    return float[0];
  },
};

export function isElementType(name: string): name is ElementType {
  return Object.hasOwn(ELEMENT_BYTES, name);
}

export function isFloatType(type: ElementType): type is FloatType {
  return Object.hasOwn(READ_FLOAT, type);
}

/** The value of 16 bits read as an IEEE 754 half. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/**
 * The nearest half of a float32 value, ties to even; beyond 65504 infinity.
 * With e = max(exponent, -14), value / 2^(e-10) rounds to the significand m, and the bits are m + 1024 (e + 14):
 * the leading one of m carries into the exponent by itself, also when rounding reaches the next power of two.
 */
export function numberToHalf(value: number): number {
  float[0] = value;
  const sign = (word[0] >>> 16) & 0x8000;
  if (Number.isNaN(value)) return 0x7e00;
  const exponent = Math.max(((word[0] >>> 23) & 255) - 127, -14);
  if (exponent > 15) return sign | 0x7c00;
  const scaled = Math.abs(float[0]) / 2 ** (exponent - 10);
  const significand = scaled + 2 ** 52 - 2 ** 52; // float64 has no room for the fraction: rounds ties to even
  return sign | (significand + 1024 * (exponent + 14));
}

/** The number of elements of a shape, or undefined when it passes 2^53. */
export function elementCount(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const size of shape) {
    count *= size;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/** Bytes as UTF-8 text, or undefined when they are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** A name from a file, fit for a message: odd characters escaped, long names cut. */
export function showName(name: string): string {
  return /^[\w./ -]{1,100}$/.test(name) ? name : JSON.stringify(name.slice(0, 100));
}
