// Faults of the convolution for real GPUs, and of its weights. See plant.mjs for what a row is.

const GEMM = 'test/kernels/gemmConv.gpu.test.ts';
const FLOAT16 = 'test/model/float16.gpu.test.ts';

export const gemmFaults = [
  {
    tests: GEMM,
    only: '^(tiles|awkward|NaN|-?Infinity)',
    faults: [
      [
        'missing barrier',
        'gemmConv.wgsl',
        '    workgroupBarrier();\n    for (var i = 0; i < select',
        '    for (var i = 0; i < select',
      ],
      ['missing barrier', 'gemmConv.wgsl', '    workgroupBarrier();\n  }\n  // rolled', '  }\n  // rolled'],
      [
        'sign of the padding',
        'gemmConv.wgsl',
        'place.p * shape.stride - shape.top',
        'place.p * shape.stride + shape.top',
      ],
      ['stride', 'gemmConv.wgsl', 'place.q * shape.stride - shape.left', 'place.q - shape.left'],
      ['missing bound', 'gemmConv.wgsl', 'h >= 0 && h < shape.H && v >= 0', 'h >= 0 && v >= 0'],
      ['index', 'gemmConv.wgsl', 'let h = top + term / S % R;', 'let h = top + term / R % S;'],
      [
        'off by one',
        'gemmConv.wgsl',
        'let end = min(depth, (part + 1) * part_depth);',
        'let end = min(depth, (part + 1) * part_depth - 1);',
      ],
      [
        'missing bound',
        'gemmConv.wgsl',
        'let end = min(depth, (part + 1) * part_depth);',
        'let end = depth;',
      ],
      [
        'index',
        'gemmConv.wgsl',
        'weights[select(0, row * weight_columns + m, inside)]',
        'weights[select(0, row * weight_columns + m - first_m / 4, inside)]',
      ],
      ['wrong constant', 'gemmConv.wgsl', 'tile_x[at + 3 * TILE_N / 4])', 'tile_x[at + TILE_N / 2])'],
      ['index', 'gemmConv.wgsl', '(TILE_M / 4) + w + 1], values)', '(TILE_M / 4) + w], values)'],
      ['missing accumulate', 'gemmConv.wgsl', 'upper += outer', 'upper = outer'],
      ['swapped operands', 'gemmConv.wgsl', 'select(a[0], a[1], j == 1)', 'select(a[1], a[0], j == 1)'],
      [
        'index',
        'gemmConv.wgsl',
        'result[(part * shape.outputs + m) * positions + n]',
        'result[(part + m * shape.outputs) * positions + n]',
      ],
      ['off by one', 'gemmConv.wgsl', 'part < shape.split; part++', 'part < shape.split - 1; part++'],
      [
        'wrong bound',
        'gemmConv.wgsl',
        'if (n >= positions) { break; }',
        'if (n >= positions - 1) { break; }',
      ],
      ['missing bound', 'gemmConv.wgsl', 'if (m >= shape.outputs) { break; }', ''],
      [
        'missing bound',
        'gemmConv.wgsl',
        'if (h < 0 || h >= shape.y_H || v < 0 || v >= shape.y_W) { return; }',
        '',
      ],
      [
        'index',
        'gemmConv.wgsl',
        'm / shape.y_C % shape.subpixels - shape.y_left',
        'm % shape.subpixels - shape.y_left',
      ],
      ['padding', 'gemmConv.wgsl', '(place.p + shape.u) * shape.subpixels', 'place.p * shape.subpixels'],
      [
        'missing bias',
        'gemmConv.wgsl',
        'if (shape.biased == 1) { sum += bias[c]; }',
        'if (shape.biased == 1) { sum += 0 * bias[c]; }',
      ],
      ['missing ReLU', 'gemmConv.wgsl', '{ sum += max(there, 0.0); }', '{ sum += there; }'],
      [
        'wrong comparison',
        'gemmConv.wgsl',
        'select(0.0, sum, there > 0.0)',
        'select(0.0, sum, there >= 0.0)',
      ],
      [
        'NaN becomes a number',
        'gemmConv.wgsl',
        'select(value, max(value, 0.0), shape.rectify == 1)',
        'max(value, select(-1e38, 0.0, shape.rectify == 1))',
      ],
      ['missing accumulate', 'gemmConv.wgsl', 'if (shape.accumulate == 1) { sum += result[i]; }', ''],
      ['padding', 'gemmConv.wgsl', 'shape.other_W + v + shape.other_left]', 'shape.other_W + v]'],
    ],
  },
  {
    tests: FLOAT16,
    only: '^(gemm|weights that are halves)',
    faults: [
      [
        'swapped operands',
        'gemmConv.ts',
        'unpack2x16float(w.x), unpack2x16float(w.y)',
        'unpack2x16float(w.y), unpack2x16float(w.x)',
      ],
      ['wrong type', 'gemmConv.ts', "'alias Stored = vec2u;'", "'alias Stored = vec4u;'"],
      [
        'halves read as floats',
        'gemmConv.ts',
        'vec4f(unpack2x16float(w.x), unpack2x16float(w.y))',
        'bitcast<vec2f>(w).xyxy',
      ],
    ],
  },
];
