// What the fused convolutions share (fusedConv.ts on packed tensors, gemmConv.ts on planar ones): what a second operand
// is to the result, the gradient of a bypass, and the gradient of x as a convolution.

import addSource from './add.wgsl';
import { elements, type Pass, perElement, type Shape } from './op.ts';
import type { AddSettings, Conv2dSettings } from './reference.ts';

/** What `other` is to the result; gemmConv.wgsl repeats these numbers. */
export const OTHER = { nothing: 0, added: 1, addedRectified: 2, mask: 3 };

/** Where the window of `a` starts, and whether max(a, 0) is added. */
export type BypassSettings = AddSettings & { rectify: boolean };

/** da: add.wgsl's gradient, of pixels of `side` floats (4 where tensors are packed). */
export function bypassPass(
  a: Shape,
  y: Shape,
  { offset: [top, left], rectify }: BypassSettings,
  side: 1 | 4,
): Pass {
  const [, C, H, W] = a;
  const [pixels, samples] = perElement(a);
  const sizes = { C, H, W: W / side, P: y[2], Q: y[3] / side, TOP: top, LEFT: left };
  return {
    entryPoint: 'backward_a',
    bindings: ['a', 'dy', 'da'],
    source: side === 4 ? addSource.replace('Element = f32', 'Element = vec4f') : addSource,
    constants: { ...sizes, RECTIFY: rectify ? 1 : 0 },
    invocations: [pixels / side, samples],
    flops: elements(y),
  };
}

/**
 * The gradient of x as a convolution over dy. Row h of x is tap r of output row p when h + top = stride p + r. With
 * h + top = stride u + phase and r = phase + stride j this is p = u - j: for each of the stride^2 phases a convolution
 * of ceil(R / stride) taps over dy, at every u from the first that touches row 0 to the last that touches row H-1.
 * Returns its taps R x S, its positions P x Q, its padding, and the first u and v.
 */
export function subPixelConvolution(
  [R, S]: readonly [number, number],
  { stride, pad: [top, left] }: Conv2dSettings,
  [H, W]: readonly [number, number],
) {
  const [rows, columns] = [Math.ceil(R / stride), Math.ceil(S / stride)];
  const [u, v] = [Math.floor(top / stride), Math.floor(left / stride)];
  return {
    R: rows,
    S: columns,
    P: Math.floor((H - 1 + top) / stride) - u + 1,
    Q: Math.floor((W - 1 + left) / stride) - v + 1,
    top: rows - 1 - u,
    left: columns - 1 - v,
    u,
    v,
  };
}

/**
 * The same with the phases of a position side by side: results (stride u + a, stride v + b) of position (u, v), for a
 * and b below the stride, each with those of the taps that reach it. Weights are those of subPixelConvolution, all
 * phases of a tap in turn. Returns the patch's rows R and columns S, the positions P x Q, the padding and the taps.
 */
export function phasedConvolution(
  [R, S]: readonly [number, number],
  { stride, pad: [top, left] }: Conv2dSettings,
  [H, W]: readonly [number, number],
) {
  const rows = phasedTaps(R, stride, top);
  const columns = phasedTaps(S, stride, left);
  const across = Math.ceil(S / stride);
  const phases = rows.phases.flatMap((down) =>
    columns.phases.map((right) =>
      down.taps.flatMap((i) =>
        right.taps.map((j) => ({
          weight: (i.tap * across + j.tap) * stride ** 2 + down.phase * stride + right.phase,
          row: i.at,
          column: j.at,
        })),
      ),
    ),
  );
  return {
    R: rows.size,
    S: columns.size,
    P: Math.ceil(H / stride),
    Q: Math.ceil(W / stride),
    top: rows.before,
    left: columns.before,
    phases,
  };
}

/** Along one axis: by result, its phase in the table and its taps, tap `tap` of the table reading the patch `at`. */
function phasedTaps(R: number, stride: number, top: number) {
  const taps = Math.ceil(R / stride);
  const all = Array.from({ length: stride }, (_, a) => {
    const last = Math.floor((a + top) / stride);
    const phase = a + top - stride * last;
    const reached = Array.from({ length: taps }, (_, i) => ({ tap: i, at: last - (taps - 1) + i }));
    return { phase, taps: reached.filter(({ tap }) => phase + stride * (taps - 1 - tap) < R) };
  });
  const places = all.flatMap(({ taps }) => taps.map(({ at }) => at));
  const first = Math.min(...places);
  return {
    size: Math.max(...places) - first + 1,
    before: -first,
    phases: all.map(({ phase, taps }) => ({
      phase,
      taps: taps.map(({ tap, at }) => ({ tap, at: at - first })),
    })),
  };
}
