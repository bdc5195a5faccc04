// Spectrum to image, second half: the inverse DFT along the horizontal frequency, complex to real, for the
// columns of a window. Together with spectrumColumns: irfft2 (norm "ortho") of scale * p, divided by 4.

import { elements, expect, expectShape, type Op, type Pass, perElement, type Shape } from './op.ts';
import source from './spectrumRows.wgsl';

export interface SpectrumRowsSettings {
  /** height and width of the whole image */
  frame: readonly [number, number];
  /** columns of the window */
  columns: number;
}

/** y [N,C,rows,columns] of z [N,C,rows,F,2]. `turns` is [W,2], `origins` u32 [steps,N,2], `clock` u32 [1]. */
export const spectrumRows: Op<SpectrumRowsSettings> = {
  name: 'spectrumRows',
  source,
  recipe({ z, turns, origins }, { frame: [H, W], columns }) {
    expectShape('spectrumRows', 'z', z, [-1, -1, -1, -1, 2]);
    const [N, C, ROWS, F] = z;
    expect('spectrumRows', F > W / 2, `z has ${F} columns, expected more than ${W / 2}.`);
    expectShape('spectrumRows', 'turns', turns, [W, 2]);
    expectShape('spectrumRows', 'origins', origins, [-1, N, 2]);
    const y: Shape = [N, C, ROWS, columns];
    const flops = 4 * elements(y) * F;
    const common = ['turns', 'origins', 'clock'];
    const shape = { C, W, F, ROWS, COLUMNS: columns, NORM: 1 / (4 * Math.sqrt(H * W)) };
    const forward: Pass = {
      entryPoint: 'forward',
      bindings: ['z', ...common, 'y'],
      invocations: perElement(y),
      flops,
    };
    const backward: Pass = {
      entryPoint: 'backward_z',
      bindings: [...common, 'dy', 'dz'],
      invocations: [perElement(z)[0] / 2, N],
      flops,
    };
    return {
      outputs: { y: { shape: y } },
      constants: shape,
      forward,
      backward: { z: backward },
    };
  },
};
