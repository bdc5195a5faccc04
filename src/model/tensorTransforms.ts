// The transforms of the study's invariance tests and tuning curves. They act on float images [3,n,n] as torchvision's
// do on tensors: bilinear with align_corners=False and no antialias, clamped at the border.
//
//   S      CenterCrop(n/2), Resize(n)          S^-1   Resize(n/2), Pad(n/4, reflect)          flip   left to right
//   zoom   Resize(256 n/224), CenterCrop(int(n (2 - scale))), Resize(n)       scale 1.5 magnifies twofold
//
// All are separable and linear with weights that sum to 1, so a transform is a list of weighted samples per output
// row and per output column. Chains multiply out, a window of the result costs only its own pixels, and transforming
// before or after normalisation is the same but for rounding (the study transforms normalised images).

import { centreCrop, INPUT_SIZE, SHORT_SIDE, scaledCrop } from './preprocess.ts';
import type { Interval } from './receptiveField.ts';

interface Sample {
  index: number;
  weight: number;
}

/** By output index, the samples whose weighted sum it is. */
export type AxisMap = readonly (readonly Sample[])[];

/** What happens to rows and to columns. */
export interface TensorTransform {
  rows: AxisMap;
  columns: AxisMap;
}

const axisOf = (size: number, samples: (i: number) => readonly Sample[]): AxisMap =>
  Array.from({ length: size }, (_, i) => samples(i));

const same = (size: number): AxisMap => axisOf(size, (index) => [{ index, weight: 1 }]);

const reversed = (size: number): AxisMap => axisOf(size, (i) => [{ index: size - 1 - i, weight: 1 }]);

function cropped(size: number, crop: number): AxisMap {
  const { start } = centreCrop(size, crop);
  return axisOf(crop, (i) => [{ index: start + i, weight: 1 }]);
}

/**
 * Output i lies at (i + 1/2) size / target - 1/2, not before the first sample; beyond the last there is the last.
 * The step is rounded to float32 as in PyTorch: at sample 200 that moves the position by up to 6e-6.
 */
export function resized(size: number, target: number): AxisMap {
  const step = Math.fround(size / target);
  return axisOf(target, (i) => {
    const position = Math.max(0, step * (i + 0.5) - 0.5);
    const index = Math.min(Math.floor(position), size - 1);
    const weight = position - index;
    if (weight === 0 || index === size - 1) return [{ index, weight: 1 }];
    return [
      { index, weight: 1 - weight },
      { index: index + 1, weight },
    ];
  });
}

/** Reflection without repeating the edge, up to `target` samples. */
function reflected(size: number, target: number): AxisMap {
  const before = Math.floor((target - size) / 2);
  return axisOf(target, (i) => {
    const index = Math.abs(i - before);
    return [{ index: index < size ? index : 2 * (size - 1) - index, weight: 1 }];
  });
}

/** First `inner`, then `outer`. */
function chain(inner: AxisMap, outer: AxisMap): AxisMap {
  return outer.map((samples) => {
    const weights = new Map<number, number>();
    for (const { index: through, weight } of samples)
      for (const { index, weight: inside } of inner[through])
        weights.set(index, (weights.get(index) ?? 0) + weight * inside);
    return [...weights].map(([index, weight]) => ({ index, weight }));
  });
}

const square = (axis: AxisMap): TensorTransform => ({ rows: axis, columns: axis });

export const identity = (n: number): TensorTransform => square(same(n));

/** S: the middle half, magnified twofold. */
export function magnify(n: number): TensorTransform {
  const half = Math.floor(n / 2);
  return square(chain(cropped(n, half), resized(half, n)));
}

/** S^-1: everything at half the size, surrounded by its reflection. */
export function shrink(n: number): TensorTransform {
  const half = Math.floor(n / 2);
  return square(chain(resized(n, half), reflected(half, n)));
}

/** Left to right; its own inverse. */
export const flip = (n: number): TensorTransform => ({ rows: same(n), columns: reversed(n) });

/** A point of the tuning curve; also scale 1 magnifies, by 256/224. */
export function zoom(n: number, scale: number): TensorTransform {
  const enlarged = Math.round((n * SHORT_SIDE) / INPUT_SIZE);
  const crop = scaledCrop(scale, n);
  const middle = chain(resized(n, enlarged), cropped(enlarged, crop));
  return square(crop === n ? middle : chain(middle, resized(crop, n)));
}

/** 1, 1.05, ..., 1.5 */
export const TUNING_SCALES: readonly number[] = Array.from({ length: 11 }, (_, i) => (100 + 5 * i) / 100);

/** Rows and columns `window` of a transformed image [3,n,n], as [3,w,w]; summed in float64. */
export function transformTensor(
  image: ArrayLike<number>,
  n: number,
  { rows, columns }: TensorTransform,
  { start, end }: Interval = { start: 0, end: rows.length },
): Float32Array {
  const size = end - start;
  const result = new Float32Array(3 * size * size);
  const inRows = new Float64Array(n);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < size; y++) {
      inRows.fill(0);
      for (const { index, weight } of rows[start + y]) {
        const at = (c * n + index) * n;
        for (let x = 0; x < n; x++) inRows[x] += weight * image[at + x];
      }
      for (let x = 0; x < size; x++) {
        let sum = 0;
        for (const { index, weight } of columns[start + x]) sum += weight * inRows[index];
        result[(c * size + y) * size + x] = sum;
      }
    }
  }
  return result;
}
