// The mathematics of the image, in plain float64 loops: how a spectrum becomes a picture (Lucent's
// image parameterisation) and how the picture is moved before the network sees it (pad, warp,
// normalise). Companion of reference.ts, same conventions. All maps here but the colour sigmoid are
// linear, so each backward function is the transpose of its forward.
//
// A window is a rectangle of a larger frame; its origin is the frame coordinate of its first pixel.

import { type Array64, zeros } from './reference.ts';

const TAU = 2 * Math.PI;

// ---------------------------------------------------------------- spectrum -> raw image
// raw(y,x) = 1 / (4 sqrt(HW)) sum_fx weight(fx) Re( e^{i tau fx x / W} sum_fy scale(fy,fx) p(fy,fx) e^{i tau fy y / H} )
// with p = re + i im. Only floor(W/2)+1 columns fx count; the others mirror them, hence weight 2
// except for fx = 0 and fx = W/2. This is irfft2 with norm "ortho", divided by 4.

/** Columns of a spectrum of width W: floor(W/2)+1, and one more (ignored) for odd W, as Lucent has it. */
export const spectrumColumnCount = (W: number): number => Math.floor(W / 2) + 1 + (W % 2);

/** scale(fy,fx) = 1 / max(f, 1/max(H,W)) with f the frequency in cycles per pixel; shape [H,F]. */
export function frequencyScale(H: number, W: number): Array64 {
  const frequency = (k: number, n: number) => (k < Math.ceil(n / 2) ? k : k - n) / n;
  const scale = zeros(H, spectrumColumnCount(W));
  const [, F] = scale.shape;
  scale.data.forEach((_, i) => {
    const f = Math.hypot(frequency(Math.floor(i / F), H), frequency(i % F, W));
    scale.data[i] = 1 / Math.max(f, 1 / Math.max(H, W));
  });
  return scale;
}

export interface Window {
  /** row and column of the window's first pixel in the frame */
  origin: readonly [number, number];
  /** rows and columns */
  size: readonly [number, number];
}

/** z[n,c,y,fx,(re,im)] = sum_fy scale p e^{i tau fy (y + origin) / H}, for the rows of a window. p is [N,C,H,F,2]. */
export function spectrumColumns(p: Array64, scale: Array64, { origin, size }: Window): Array64 {
  const [N, C, H, F] = p.shape;
  const z = zeros(N, C, size[0], F, 2);
  forEachColumnTerm([N, C, H, F], origin[0], size[0], (i, o, f, cos, sin) => {
    z.data[2 * o] += scale.data[f] * (p.data[2 * i] * cos - p.data[2 * i + 1] * sin);
    z.data[2 * o + 1] += scale.data[f] * (p.data[2 * i] * sin + p.data[2 * i + 1] * cos);
  });
  return z;
}

export function spectrumColumnsBackwardP(
  dz: Array64,
  p: Array64,
  scale: Array64,
  { origin, size }: Window,
): Array64 {
  const dp = zeros(...p.shape);
  forEachColumnTerm(p.shape, origin[0], size[0], (i, o, f, cos, sin) => {
    dp.data[2 * i] += scale.data[f] * (dz.data[2 * o] * cos + dz.data[2 * o + 1] * sin);
    dp.data[2 * i + 1] += scale.data[f] * (dz.data[2 * o + 1] * cos - dz.data[2 * o] * sin);
  });
  return dp;
}

function forEachColumnTerm(
  [N, C, H, F]: readonly number[],
  y0: number,
  rows: number,
  visit: (p: number, z: number, scale: number, cos: number, sin: number) => void,
): void {
  for (let plane = 0; plane < N * C; plane++)
    for (let y = 0; y < rows; y++)
      for (let fy = 0; fy < H; fy++) {
        const angle = (TAU * ((fy * (y + y0)) % H)) / H;
        const cos = Math.cos(angle);
        const sin = Math.sin(angle);
        for (let fx = 0; fx < F; fx++)
          visit((plane * H + fy) * F + fx, (plane * rows + y) * F + fx, fy * F + fx, cos, sin);
      }
}

/** raw[n,c,y,x] from z[n,c,y,fx,2]; the frame is H x W, the window's columns start at origin[1]. */
export function spectrumRows(z: Array64, H: number, W: number, { origin, size }: Window): Array64 {
  const [N, C, rows] = z.shape;
  const raw = zeros(N, C, rows, size[1]);
  forEachRowTerm(z.shape, H, W, origin[1], size[1], (i, o, cos, sin) => {
    raw.data[o] += cos * z.data[2 * i] - sin * z.data[2 * i + 1];
  });
  return raw;
}

export function spectrumRowsBackwardZ(
  draw: Array64,
  z: Array64,
  H: number,
  W: number,
  window: Window,
): Array64 {
  const dz = zeros(...z.shape);
  forEachRowTerm(z.shape, H, W, window.origin[1], window.size[1], (i, o, cos, sin) => {
    dz.data[2 * i] += cos * draw.data[o];
    dz.data[2 * i + 1] -= sin * draw.data[o];
  });
  return dz;
}

function forEachRowTerm(
  [N, C, rows, F]: readonly number[],
  H: number,
  W: number,
  x0: number,
  columns: number,
  visit: (z: number, raw: number, cos: number, sin: number) => void,
): void {
  const norm = 1 / (4 * Math.sqrt(H * W));
  for (let row = 0; row < N * C * rows; row++)
    for (let x = 0; x < columns; x++)
      for (let fx = 0; fx <= Math.floor(W / 2); fx++) {
        const weight = fx === 0 || 2 * fx === W ? norm : 2 * norm;
        const angle = (TAU * ((fx * (x + x0)) % W)) / W;
        visit(row * F + fx, row * columns + x, weight * Math.cos(angle), weight * Math.sin(angle));
      }
}

// ---------------------------------------------------------------- colour
// y[o] = sigmoid(sum_i COLOUR[o][i] x[i]): Lucid's colour correlation of natural images, scaled by its largest column norm

const SQRT_CORRELATION = [
  [0.26, 0.09, 0.02],
  [0.27, 0, -0.05],
  [0.27, -0.09, 0.03],
];
const LARGEST_COLUMN_NORM = Math.hypot(0.26, 0.27, 0.27);
export const COLOUR = SQRT_CORRELATION.map((row) => row.map((value) => value / LARGEST_COLUMN_NORM));

/** Calls `visit` for each pixel with the flat indices of its three channels. */
function forEachPixel({ shape: [N, , H, W] }: Array64, visit: (rgb: number[]) => void): void {
  for (let n = 0; n < N; n++)
    for (let i = 0; i < H * W; i++) visit([0, 1, 2].map((c) => (n * 3 + c) * H * W + i));
}

export function colour(x: Array64): Array64 {
  const y = zeros(...x.shape);
  forEachPixel(x, (at) => {
    for (let o = 0; o < 3; o++) {
      let t = 0;
      for (let i = 0; i < 3; i++) t += COLOUR[o][i] * x.data[at[i]];
      y.data[at[o]] = 1 / (1 + Math.exp(-t));
    }
  });
  return y;
}

export function colourBackwardX(dy: Array64, y: Array64): Array64 {
  const dx = zeros(...y.shape);
  forEachPixel(y, (at) => {
    for (let o = 0; o < 3; o++) {
      const dt = dy.data[at[o]] * y.data[at[o]] * (1 - y.data[at[o]]);
      for (let i = 0; i < 3; i++) dx.data[at[i]] += COLOUR[o][i] * dt;
    }
  });
  return dx;
}

// ---------------------------------------------------------------- pad
// Reflect padding without repeating the edge; a negative amount crops. y[p,q] = x[reflect(p + y0), reflect(q + x0)],
// where (y0, x0) is the frame coordinate of y's first pixel. x is a window of the H x W frame.

export interface PadSettings {
  /** the frame that reflects at its borders: rows, columns */
  frame: readonly [number, number];
  /** where x starts in the frame */
  source: readonly [number, number];
  /** where y starts in the frame, negative inside the padding; and its size */
  target: Window;
}

export const reflect = (i: number, n: number): number => (i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i);

function forEachPadPixel(
  x: Array64,
  { frame, source, target }: PadSettings,
  visit: (x: number, y: number) => void,
): void {
  const [N, C, H, W] = x.shape;
  const [P, Q] = target.size;
  for (let plane = 0; plane < N * C; plane++)
    for (let p = 0; p < P; p++)
      for (let q = 0; q < Q; q++) {
        const h = reflect(p + target.origin[0], frame[0]) - source[0];
        const v = reflect(q + target.origin[1], frame[1]) - source[1];
        if (h >= 0 && h < H && v >= 0 && v < W) visit((plane * H + h) * W + v, (plane * P + p) * Q + q);
      }
}

export function pad(x: Array64, settings: PadSettings): Array64 {
  const y = zeros(x.shape[0], x.shape[1], ...settings.target.size);
  forEachPadPixel(x, settings, (i, o) => {
    y.data[o] = x.data[i];
  });
  return y;
}

export function padBackwardX(dy: Array64, x: Array64, settings: PadSettings): Array64 {
  const dx = zeros(...x.shape);
  forEachPadPixel(x, settings, (i, o) => {
    dx.data[i] += dy.data[o];
  });
  return dx;
}

// ---------------------------------------------------------------- warp
// Bilinear resampling: y[p,q] = x at (row = yx q + yy p + y0, column = xx q + xy p + x0), outside x is 0, and
// 0 wherever (p,q) lies outside the valid rectangle. Translation, scaling and rotation are settings of it.

export interface Warp {
  xx: number;
  xy: number;
  x0: number;
  yx: number;
  yy: number;
  y0: number;
  /** rectangle of y that is computed: columns [xLow, xHigh), rows [yLow, yHigh) */
  xLow: number;
  xHigh: number;
  yLow: number;
  yHigh: number;
}

function forEachWarpTerm(
  [N, C, H, W]: readonly number[],
  [P, Q]: readonly [number, number],
  m: Warp,
  visit: (x: number, y: number, weight: number) => void,
): void {
  for (let p = Math.max(0, m.yLow); p < Math.min(P, m.yHigh); p++)
    for (let q = Math.max(0, m.xLow); q < Math.min(Q, m.xHigh); q++) {
      const column = m.xx * q + m.xy * p + m.x0;
      const row = m.yx * q + m.yy * p + m.y0;
      for (const h of [Math.floor(row), Math.floor(row) + 1])
        for (const v of [Math.floor(column), Math.floor(column) + 1]) {
          const weight = (1 - Math.abs(row - h)) * (1 - Math.abs(column - v));
          if (h < 0 || h >= H || v < 0 || v >= W || weight === 0) continue;
          for (let plane = 0; plane < N * C; plane++)
            visit((plane * H + h) * W + v, (plane * P + p) * Q + q, weight);
        }
    }
}

export function warp(x: Array64, size: readonly [number, number], map: Warp): Array64 {
  const y = zeros(x.shape[0], x.shape[1], ...size);
  forEachWarpTerm(x.shape, size, map, (i, o, weight) => {
    y.data[o] += weight * x.data[i];
  });
  return y;
}

export function warpBackwardX(dy: Array64, x: Array64, map: Warp): Array64 {
  const dx = zeros(...x.shape);
  forEachWarpTerm(x.shape, [dy.shape[2], dy.shape[3]], map, (i, o, weight) => {
    dx.data[i] += weight * dy.data[o];
  });
  return dx;
}

// ---------------------------------------------------------------- normalise
// y = (x - mean[c]) / std[c], the statistics of ImageNet that torchvision's models were trained with

export const IMAGENET_MEAN = [0.485, 0.456, 0.406];
export const IMAGENET_STD = [0.229, 0.224, 0.225];

const perChannel = (x: Array64, f: (value: number, c: number) => number): Array64 => {
  const pixels = x.shape[2] * x.shape[3];
  return { shape: x.shape, data: x.data.map((v, i) => f(v, Math.floor(i / pixels) % 3)) };
};

export const normalize = (x: Array64): Array64 =>
  perChannel(x, (v, c) => (v - IMAGENET_MEAN[c]) / IMAGENET_STD[c]);
export const normalizeBackwardX = (dy: Array64): Array64 => perChannel(dy, (d, c) => d / IMAGENET_STD[c]);
