// Spectrum to image, first half: the inverse DFT along the vertical frequency, for the rows of a window.

import { elements, expectShape, type Op, type Output, type Pass, perElement } from './op.ts';
import source from './spectrumColumns.wgsl';

export interface SpectrumColumnsSettings {
  /** rows of the window */
  rows: number;
}

/**
 * y [N,C,rows,F,2] of the spectrum p [N,C,H,F,2]. `scale` is [H,F], `turns` [H,2] (cos and sin of tau k / H),
 * `origins` u32 [steps,N,2], `clock` u32 [1].
 */
export const spectrumColumns: Op<SpectrumColumnsSettings> = {
  name: 'spectrumColumns',
  source,
  recipe({ p, scale, turns, origins }, { rows }) {
    expectShape('spectrumColumns', 'p', p, [-1, -1, -1, -1, 2]);
    const [N, C, H, F] = p;
    expectShape('spectrumColumns', 'scale', scale, [H, F]);
    expectShape('spectrumColumns', 'turns', turns, [H, 2]);
    expectShape('spectrumColumns', 'origins', origins, [-1, N, 2]);
    const y: Output = { shape: [N, C, rows, F, 2] };
    const flops = 4 * elements(y.shape) * H;
    const common = ['turns', 'origins', 'clock'];
    const [outputs, inputs] = [perElement(y.shape), perElement(p)];
    const shape = { C, H, F, ROWS: rows };
    const forward: Pass = {
      entryPoint: 'forward',
      bindings: ['p', 'scale', ...common, 'y'],
      invocations: [outputs[0] / 2, N],
      flops,
    };
    const backward: Pass = {
      entryPoint: 'backward_p',
      bindings: ['scale', ...common, 'dy', 'dp'],
      invocations: [inputs[0] / 2, N],
      flops,
    };
    return {
      outputs: { y },
      constants: shape,
      forward,
      backward: { p: backward },
    };
  },
};
