// Spectrum to image for SIMD adapters: three ops that together do what spectrumColumns and spectrumRows do, on the
// kernels of simdSpectrum.ts. What lies between them is laid out for the next kernel and of no use elsewhere.

import { expectShape, type Op, type Pass, type Shape } from './op.ts';
import { type SimdText, simdPass } from './simdPass.ts';
import { type SpectrumGeometry, type SpectrumSizes, spectrumGeometry } from './simdSpectrum.ts';
import { columnsBackward, columnsForward } from './simdSpectrumColumns.ts';
import { foldAscent, foldBackward, foldForward } from './simdSpectrumFold.ts';
import { rowsBackward, rowsForward } from './simdSpectrumRows.ts';
import { radixOf, recordsShape } from './spectrumRecords.ts';
import type { Update } from './update.ts';

export interface WindowSpectrumSettings {
  /** height and width of the whole image */
  frame: readonly [number, number];
  /** rows and columns of the window */
  window: readonly [number, number];
  /** invocations of a subgroup, exactly */
  lanes: number;
}

const geometryOf = (
  C: number,
  F: number,
  { frame, window, lanes }: WindowSpectrumSettings,
): SpectrumGeometry => {
  const sizes: SpectrumSizes = { lanes, C, H: frame[0], W: frame[1], F, ROWS: window[0], COLUMNS: window[1] };
  return spectrumGeometry(sizes);
};

const pass = (
  entryPoint: string,
  bindings: readonly string[],
  samples: number,
  flops: number,
  { lanes }: SpectrumGeometry,
  text: SimdText,
): Pass => simdPass({ entryPoint, bindings, invocations: [0, samples], flops }, lanes, text);

const pairedShape = (N: number, { C, R, REACH, F }: SpectrumGeometry): Shape => [N, C, R, REACH + 1, F, 4];
const foldedShape = (N: number, { C, R, PAIRS, F }: SpectrumGeometry): Shape => [N, C, R, PAIRS, F, 4];

/**
 * q of a spectrum [N,C,H,F,2] whose records (spectrumRecords.ts) are p. `scale` holds scaleTexels, `turns` [H,2] cosine
 * and sine of tau k / H, `origins` is u32 [steps,N,2], `clock` u32 [1].
 */
export const foldSpectrum: Op<WindowSpectrumSettings> = {
  name: 'foldSpectrum',
  source: '',
  recipe({ p, scale, turns, origins }, settings) {
    const [H] = settings.frame;
    expectShape('foldSpectrum', 'p', p, [-1, -1, -1, -1, -1]);
    const [N, C, , F] = p;
    expectShape('foldSpectrum', 'p', p, recordsShape([N, C, H, F]));
    expectShape('foldSpectrum', 'scale', scale, [radixOf(H).PAIRS, F, 4]);
    expectShape('foldSpectrum', 'turns', turns, [H, 2]);
    expectShape('foldSpectrum', 'origins', origins, [-1, N, 2]);
    const geometry = geometryOf(C, F, settings);
    const flops = 20 * N * C * H * F;
    const tables = ['scale', 'turns', 'origins', 'clock'];
    return {
      outputs: { y: { shape: foldedShape(N, geometry) } },
      constants: {},
      forward: pass('forward', ['p', ...tables, 'y'], N, flops, geometry, foldForward(geometry)),
      backward: {
        p: pass('backward_p', ['dy', ...tables, 'dp'], N, flops, geometry, foldBackward(geometry)),
      },
    };
  },
};

/**
 * Adam ascent on the records p [N,C,PAIRS,F,4R] with moments m and v of the same shape, by the gradient `dy` of what
 * foldSpectrum made with the same settings and tables; `rates` [steps,2] as `adam` has them. `squares` [N,parts] gets
 * sums that add up to the gradient's square per sample.
 */
export function ascendSpectrum(p: Shape, settings: WindowSpectrumSettings): Update & { squares: Shape } {
  const [N, C, , F] = p;
  const [H] = settings.frame;
  const geometry = geometryOf(C, F, settings);
  const bindings = ['dy', 'scale', 'turns', 'origins', 'clock', 'rates', 'p', 'm', 'v', 'squares'];
  const text = foldAscent(geometry);
  const made = pass('ascend', bindings, N, 34 * N * C * H * F, geometry, text);
  return {
    name: 'ascendSpectrum',
    source: text.source,
    constants: {},
    pass: made,
    squares: [N, text.workgroups],
  };
}

/** Shape of a table of turns for a frame of n: texel (i,k) has those of 2i k and (2i+1) k, cosine and sine of each. */
export const turnPairsShape = (n: number): Shape => [Math.ceil(n / 2), n, 4];

/** z of q, made by foldSpectrum with the same settings; `pairs` of H (turnPairsShape), `across` [W,2], `origins`, `clock`. */
export const windowColumns: Op<WindowSpectrumSettings> = {
  name: 'windowColumns',
  source: '',
  recipe({ p, pairs, across, origins }, settings) {
    const [H, W] = settings.frame;
    expectShape('windowColumns', 'p', p, [-1, -1, -1, -1, -1, 4]);
    const [N, C, , , F] = p;
    const geometry = geometryOf(C, F, settings);
    expectShape('windowColumns', 'p', p, foldedShape(N, geometry));
    expectShape('windowColumns', 'pairs', pairs, turnPairsShape(H));
    expectShape('windowColumns', 'across', across, [W, 2]);
    expectShape('windowColumns', 'origins', origins, [-1, N, 2]);
    const { R, PAIRS, REACH } = geometry;
    const flops = 8 * N * C * R * PAIRS * (REACH + 1) * F;
    const tables = ['pairs', 'across', 'origins', 'clock'];
    return {
      outputs: { y: { shape: pairedShape(N, geometry) } },
      constants: {},
      forward: pass('forward', ['p', ...tables, 'y'], N, flops, geometry, columnsForward(geometry)),
      backward: {
        p: pass(
          'backward_p',
          ['dy', 'pairs', 'origins', 'clock', 'dp'],
          N,
          flops,
          geometry,
          columnsBackward(geometry),
        ),
      },
    };
  },
};

/** y [N,C,rows,columns] of z, made by windowColumns with the same settings; `pairs` of W, `across` [W,2], `origins`, `clock`. */
export const windowRows: Op<WindowSpectrumSettings> = {
  name: 'windowRows',
  source: '',
  recipe({ z, pairs, across, origins }, settings) {
    const { frame, window } = settings;
    expectShape('windowRows', 'z', z, [-1, -1, -1, -1, -1, 4]);
    const [N, C, , , F] = z;
    const geometry = geometryOf(C, F, settings);
    expectShape('windowRows', 'z', z, pairedShape(N, geometry));
    expectShape('windowRows', 'pairs', pairs, turnPairsShape(frame[1]));
    expectShape('windowRows', 'across', across, [frame[1], 2]);
    expectShape('windowRows', 'origins', origins, [-1, N, 2]);
    const flops = 4 * N * C * window[0] * (geometry.MIDDLE + 1) * F;
    return {
      outputs: { y: { shape: [N, C, ...window] } },
      constants: {},
      forward: pass(
        'forward',
        ['z', 'pairs', 'origins', 'clock', 'y'],
        N,
        flops,
        geometry,
        rowsForward(geometry),
      ),
      backward: {
        z: pass(
          'backward_z',
          ['pairs', 'across', 'origins', 'clock', 'dy', 'dz'],
          N,
          flops,
          geometry,
          rowsBackward(geometry),
        ),
      },
    };
  },
};
