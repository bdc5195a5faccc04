// From an 8-bit picture to what the network is given, bit for bit as torchvision prepares it with Pillow:
// Resize(256) of the shorter side, CenterCrop(224), divide by 255, subtract the mean, divide by the deviation.
//
// Pillow resizes 8-bit pictures in whole numbers, columns first, then rows, each pass rounded to 8 bits:
//   out = clip((2^21 + sum_i k_i in_i) >> 22),  k_i = round(2^22 w_i / sum w),  w_i = max(0, 1 - |x_i - centre| / f)
// with f = max(1, in / out), so that shrinking averages (antialias). Algorithm: Pillow, src/libImaging/Resample.c.
// Only the pixels that survive the crop are computed; each depends on its own filter alone.

import { StreamscopeError } from '../error.ts';
import { IMAGENET_MEAN, IMAGENET_STD } from '../kernels/imageReference.ts';
import type { Interval } from './receptiveField.ts';

/** An 8-bit RGB picture, (height, width, 3). */
export interface Pixels {
  height: number;
  width: number;
  data: Uint8Array;
}

/** Rows and columns of the network's input, and the length that the shorter side gets first. */
export const INPUT_SIZE = 224;
export const SHORT_SIDE = 256;

const PRECISION_BITS = 22;

/** The filters of some outputs of one axis: output i reads count[i] inputs from first[i] on. */
interface Filters {
  first: Int32Array;
  count: Int32Array;
  /** fixed point, `width` per output */
  weights: Int32Array;
  width: number;
}

/** Pillow's bilinear filters that turn `size` samples into `target`, for the outputs of an interval. */
function bilinearFilters(size: number, target: number, { start, end }: Interval): Filters {
  const scale = size / target;
  const support = Math.max(1, scale);
  const width = 2 * Math.ceil(support) + 1;
  const outputs = end - start;
  const filters = {
    first: new Int32Array(outputs),
    count: new Int32Array(outputs),
    weights: new Int32Array(outputs * width),
    width,
  };
  for (let i = 0; i < outputs; i++) {
    const centre = (start + i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(size, Math.trunc(centre + support + 0.5)) - first;
    // multiplied by the reciprocal as Pillow does: a division rounds otherwise
    const weight = (x: number) => Math.max(0, 1 - Math.abs((x + first - centre + 0.5) * (1 / support)));
    let sum = 0;
    for (let x = 0; x < count; x++) sum += weight(x);
    for (let x = 0; x < count; x++)
      filters.weights[i * width + x] = Math.trunc(0.5 + (weight(x) / sum) * (1 << PRECISION_BITS));
    filters.first[i] = first;
    filters.count[i] = count;
  }
  return filters;
}

/** Bilinear weights are never negative: only rounding could lead above 255. */
const toByte = (sum: number): number => Math.min(255, sum >> PRECISION_BITS);

/**
 * Filters along one axis. `fromStep` and `toStep` say how far apart samples of a line and lines are, in bytes;
 * `offset` is the sample that `from` begins with.
 */
function filterLines(
  from: Uint8Array,
  to: Uint8Array,
  { first, count, weights, width }: Filters,
  lines: number,
  fromStep: { sample: number; line: number; offset: number },
  toStep: { sample: number; line: number },
): void {
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < first.length; i++) {
      const at = line * fromStep.line + (first[i] - fromStep.offset) * fromStep.sample;
      let [r, g, b] = [1 << (PRECISION_BITS - 1), 1 << (PRECISION_BITS - 1), 1 << (PRECISION_BITS - 1)];
      for (let x = 0; x < count[i]; x++) {
        const k = weights[i * width + x];
        const p = at + x * fromStep.sample;
        r += k * from[p];
        g += k * from[p + 1];
        b += k * from[p + 2];
      }
      const q = line * toStep.line + i * toStep.sample;
      to[q] = toByte(r);
      to[q + 1] = toByte(g);
      to[q + 2] = toByte(b);
    }
  }
}

/**
 * Rows `rows` and columns `columns` of the picture resized to height x width, as Pillow's BILINEAR makes them.
 * Both default to all.
 */
export function resizePixels(
  { height: H, width: W, data }: Pixels,
  height: number,
  width: number,
  rows: Interval = { start: 0, end: height },
  columns: Interval = { start: 0, end: width },
): Pixels {
  const [vertical, horizontal] = [bilinearFilters(H, height, rows), bilinearFilters(W, width, columns)];
  const outputs = { height: rows.end - rows.start, width: columns.end - columns.start };
  // the rows that the second pass reads; filters move down monotonically
  const top = vertical.first[0];
  const last = outputs.height - 1;
  const lines = vertical.first[last] + vertical.count[last] - top;
  const pitch = 3 * outputs.width;
  const between = new Uint8Array(lines * pitch);
  const source = data.subarray(top * W * 3);
  filterLines(
    source,
    between,
    horizontal,
    lines,
    { sample: 3, line: 3 * W, offset: 0 },
    { sample: 3, line: pitch },
  );
  const result = new Uint8Array(outputs.height * pitch);
  const down = { sample: pitch, line: 3, offset: top };
  filterLines(between, result, vertical, outputs.width, down, { sample: pitch, line: 3 });
  return { ...outputs, data: result };
}

/** Python's round(). */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

/** Where torchvision's CenterCrop(crop) lies in `size` samples, crop <= size. */
export function centreCrop(size: number, crop: number): Interval {
  if (crop > size || crop < 1)
    throw new StreamscopeError('bug', `centreCrop: ${crop} of ${size} samples is not a crop.`);
  const start = roundHalfToEven((size - crop) / 2);
  return { start, end: start + crop };
}

/** Height and width after Resize(short): the shorter side gets `short`, the other int(short long / shorter). */
export function resizedShape(height: number, width: number, short: number): [number, number] {
  return height < width
    ? [short, Math.trunc((short * width) / height)]
    : [Math.trunc((short * height) / width), short];
}

/** int(224 (2 - scale)): the side of the crop that a magnification "by `scale`" enlarges; 1.5 magnifies twofold. */
export const scaledCrop = (scale: number, size = INPUT_SIZE): number => Math.trunc(size * (2 - scale));

/**
 * The study's preparation of a photograph, 224 x 224 in 8 bits: Resize(256), CenterCrop(224); with scale > 1
 * Resize(256), CenterCrop(int(224 (2 - scale))), Resize(224). Throws (usage) unless 1 <= scale < 2.
 */
export function prepare(pixels: Pixels, scale = 1): Pixels {
  const crop = scaledCrop(scale);
  if (!(scale >= 1) || crop < 1)
    throw new StreamscopeError('usage', `Scale ${scale}: expected at least 1 and below 2.`);
  const [height, width] = resizedShape(pixels.height, pixels.width, SHORT_SIDE);
  const cropped = resizePixels(pixels, height, width, centreCrop(height, crop), centreCrop(width, crop));
  return crop === INPUT_SIZE ? cropped : resizePixels(cropped, INPUT_SIZE, INPUT_SIZE);
}

/** The network's input [3,H,W] of a picture: ToTensor and Normalize, rounded to float32 after every operation. */
export function normalizePixels({ height, width, data }: Pixels): Float32Array {
  const { fround } = Math;
  const plane = height * width;
  const input = new Float32Array(3 * plane);
  for (let c = 0; c < 3; c++) {
    const [mean, deviation] = [fround(IMAGENET_MEAN[c]), fround(IMAGENET_STD[c])];
    for (let i = 0; i < plane; i++)
      input[c * plane + i] = fround(fround(data[3 * i + c] / 255) - mean) / deviation;
  }
  return input;
}
