// Images made from nothing but numbers: six shapes and four textures, of any colours, places, angles and sizes. What is
// drawn never depends on how large it is: label and scale come from different random numbers, so that a network which
// knows one size of each class is wrong most of the time. Image i of a split is a function of (seed, split, i) alone.
//
// A class says which points of the plane are ink, at unit size: a shape has radius 1, a texture period 1. Scales are
// uniform in their logarithm. A pixel is the mean of 2 x 2 points of it.

import { draws, normals, PURPOSE, streamOf } from '../engine/random.ts';
import { normalizePixels, type Pixels } from '../model/preprocess.ts';
import type { Batch } from './trainer.ts';

const fraction = (v: number): number => v - Math.floor(v);
const radius = Math.hypot;

/** By name: whether (u, v) is ink. */
const SHAPES: Record<string, (u: number, v: number) => boolean> = {
  disc: (u, v) => radius(u, v) < 1,
  ring: (u, v) => radius(u, v) < 1 && radius(u, v) > 0.6,
  square: (u, v) => Math.max(Math.abs(u), Math.abs(v)) < 0.8,
  triangle: (u, v) => v > -0.5 && Math.sqrt(3) * Math.abs(u) + v < 1,
  cross: (u, v) => Math.min(Math.abs(u), Math.abs(v)) < 0.3 && Math.max(Math.abs(u), Math.abs(v)) < 1,
  crescent: (u, v) => radius(u, v) < 1 && radius(u - 0.5, v) > 0.75,
};
const TEXTURES: Record<string, (u: number, v: number) => boolean> = {
  stripes: (u) => fraction(u) < 0.5,
  checks: (u, v) => fraction(u) < 0.5 !== fraction(v) < 0.5,
  dots: (u, v) => radius(fraction(u) - 0.5, fraction(v) - 0.5) < 0.3,
  waves: (u, v) => fraction(v + 0.25 * Math.sin(2 * Math.PI * u)) < 0.5,
};

export const CLASSES = [...Object.keys(SHAPES), ...Object.keys(TEXTURES)];

/** Radius of shapes and period of textures, in parts of the image's side. */
export const SCALES = { smallest: 0.12, largest: 0.48 };

const NOISE = 0.03;

/** Images of one split never share a random number with another's. */
export type Split = 'training' | 'held-out';

export interface ShapeImage extends Pixels {
  /** number of the class */
  label: number;
  /** in parts of the image's side */
  scale: number;
}

/** Four numbers, uniform between 0 and 1. */
const uniforms = (seed: number, stream: number, index: number): number[] =>
  draws({ seed, stream, purpose: PURPOSE.shapes }, index, Array(4).fill(2 ** 24)).map(
    (n) => (n + 0.5) / 2 ** 24,
  );

/** Image `index` of a split, `size` rows and columns, 8-bit RGB. */
export function shapeImage(seed: number, split: Split, index: number, size: number): ShapeImage {
  const stream = streamOf(`shapes/${split}/${index}`);
  const [which, howLarge, across, down] = uniforms(seed, stream, 0);
  const [turn, ...paper] = uniforms(seed, stream, 1);
  const [, ...contrast] = uniforms(seed, stream, 2);
  const label = Math.floor(which * CLASSES.length);
  const name = CLASSES[label];
  const scale = SCALES.smallest * (SCALES.largest / SCALES.smallest) ** howLarge;
  // a shape lies in the image as far as it fits, a texture begins anywhere
  const room = name in SHAPES ? Math.max(0, 1 - 2 * scale) : 1;
  const centre = [0.5 + room * (across - 0.5), 0.5 + room * (down - 0.5)];
  const isInk = inkOf(SHAPES[name] ?? TEXTURES[name], centre, 2 * Math.PI * turn, scale);
  const ink = paper.map((value, c) => fraction(value + 0.35 + 0.3 * contrast[c])); // at least 0.35 away
  const noise = normals({ seed, stream, purpose: PURPOSE.noise }, size * size, NOISE);

  const data = new Uint8Array(3 * size * size);
  for (let i = 0; i < size * size; i++) {
    const covered = coverage(isInk, Math.floor(i / size), i % size, size);
    for (let c = 0; c < 3; c++) {
      const value = paper[c] + covered * (ink[c] - paper[c]) + noise[i];
      data[3 * i + c] = Math.round(255 * Math.min(1, Math.max(0, value)));
    }
  }
  return { height: size, width: size, data, label, scale };
}

type Ink = (across: number, down: number) => boolean;

/** A class turned, enlarged and moved; coordinates in parts of the image's side. */
function inkOf(ink: Ink, [x, y]: readonly number[], angle: number, scale: number): Ink {
  const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
  return (across, down) => ink(cos * (across - x) + sin * (down - y), cos * (down - y) - sin * (across - x));
}

/** How much of a pixel is ink, by four points of it. */
function coverage(isInk: Ink, row: number, column: number, size: number): number {
  let points = 0;
  for (const down of [0.25, 0.75])
    for (const across of [0.25, 0.75]) if (isInk((column + across) / size, (row + down) / size)) points++;
  return points / 4;
}

/** Images first .. first + count - 1 of a split, as a network takes them, with their scales. */
export function shapeBatch(
  seed: number,
  split: Split,
  { first, count, size }: { first: number; count: number; size: number },
): Batch & { scales: number[] } {
  const images = new Float32Array(count * 3 * size * size);
  const labels = new Uint32Array(count);
  const scales: number[] = [];
  for (let n = 0; n < count; n++) {
    const { label, scale, ...pixels } = shapeImage(seed, split, first + n, size);
    images.set(normalizePixels(pixels), n * 3 * size * size);
    labels[n] = label;
    scales.push(scale);
  }
  return { images, labels, scales };
}
