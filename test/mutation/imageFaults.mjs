// Faults of the image's kernels, planar and packed. See plant.mjs for what a row is.

const IMAGE = 'test/kernels/imageOps.gpu.test.ts';

export const imageFaults = [
  {
    tests: IMAGE,
    only: '^spectrum',
    faults: [
      [
        'sign',
        'spectrumColumns.wgsl',
        'value.x * turn.x - value.y * turn.y',
        'value.x * turn.x + value.y * turn.y',
      ],
      ['missing bound', 'spectrumColumns.wgsl', 'k += row;\n      if (k >= H) { k -= H; }', 'k += row;'],
      [
        'index',
        'spectrumColumns.wgsl',
        '+ origins[clock[0] * groups.y + id.y].x;\n  let fx',
        '+ origins[id.y].x;\n  let fx',
      ],
      ['wrong bound', 'spectrumColumns.wgsl', 'fy < min(begin + 16, H)', 'fy < min(begin + 15, H)'],
      ['sign', 'spectrumColumns.wgsl', 'd.y * turn.x - d.x * turn.y', 'd.y * turn.x + d.x * turn.y'],
      ['missing factor', 'spectrumColumns.wgsl', '  sum *= scale[fy * F + fx];\n', ''],
      [
        'missing accumulate',
        'spectrumColumns.wgsl',
        'if (ACCUMULATE) { sum += dp[i]; }',
        'if (ACCUMULATE) { sum += vec2f(); }',
      ],
      ['wrong bound', 'spectrumRows.wgsl', 'fx == 0 || 2 * fx == W', 'fx == 0'],
      ['off by one', 'spectrumRows.wgsl', 'min(begin + 16, W / 2 + 1)', 'min(begin + 16, W / 2)'],
      [
        'swapped operands',
        'spectrumRows.wgsl',
        'groups.y + id.y].y;\n\n  var sum = 0.0',
        'groups.y + id.y].x;\n\n  var sum = 0.0',
      ],
      ['sign', 'spectrumRows.wgsl', 'vec2f(d, -d) * turns[k]', 'vec2f(d, d) * turns[k]'],
      ['missing bound', 'spectrumRows.wgsl', 'if (2 * fx <= W) {', 'if (2 * fx <= W + 1) {'],
    ],
  },
  {
    tests: IMAGE,
    only: '^((for SIMD adapters )?(colour|normalize)).*[^d]$',
    faults: [
      ['wrong constant', 'colour.wgsl', 'vec3f(0.27, 0.00, -0.05)', 'vec3f(0.27, 0.00, 0.05)'],
      [
        'transposed',
        'colour.wgsl',
        'dt.x * COLOUR[0] + dt.y * COLOUR[1] + dt.z * COLOUR[2]',
        'vec3f(dot(dt, COLOUR[0]), dot(dt, COLOUR[1]), dot(dt, COLOUR[2]))',
      ],
      ['missing factor', 'colour.wgsl', '* rgb * (1 - rgb);', '* rgb;'],
      [
        'wrong constant',
        'normalize.wgsl',
        'array<f32, 3>(0.485, 0.456, 0.406)',
        'array<f32, 3>(0.485, 0.456, 0.405)',
      ],
      [
        'swapped operands',
        'normalize.wgsl',
        'array<f32, 3>(0.229, 0.224, 0.225)',
        'array<f32, 3>(0.229, 0.225, 0.224)',
      ],
    ],
  },
  {
    tests: IMAGE,
    only: '^(pad|warp).*[^d]$',
    faults: [
      ['off by one', 'pad.wgsl', 'select(j, 2 * (n - 1) - j, j >= n)', 'select(j, 2 * n - 1 - j, j >= n)'],
      [
        'missing bound',
        'pad.wgsl',
        'if (h >= 0 && h < H && v >= 0 && v < W) {',
        'if (h >= 0 && h < H && v >= 0) {',
      ],
      ['missing bound', 'pad.wgsl', '(i > 0 && rows[i] == h)', 'false'],
      ['index', 'pad.wgsl', 'vec3i(v, -v, 2 * (W_FRAME - 1) - v)', 'vec3i(v, -v, 2 * (H_FRAME - 1) - v)'],
      [
        'swapped operands',
        'warp.wgsl',
        'let top = (1 - t.x) * pixel(plane, h, v) + t.x',
        'let top = t.x * pixel(plane, h, v) + (1 - t.x)',
      ],
      ['index', 'warp.wgsl', 't.x * pixel(plane, h + 1, v + 1)', 't.x * pixel(plane, h + 1, v)'],
      ['wrong bound', 'warp.wgsl', 'q >= m.x_low && q < m.x_high', 'q >= m.x_low && q <= m.x_high'],
      ['transposed', 'warp.wgsl', 'm.yx * q + m.yy * p + m.y0', 'm.xy * q + m.yy * p + m.y0'],
      ['wrong bound', 'warp.wgsl', '/ abs(determinant) + 0.01;', '/ abs(determinant) - 1;'],
      ['missing bound', 'warp.wgsl', 'if (weights.x > 0 && weights.y > 0)', 'if (weights.x > 0)'],
      ['missing accumulate', 'warp.wgsl', 'if (ACCUMULATE) { d += dx[i]; }', 'if (ACCUMULATE) { d += 0; }'],
    ],
  },
  {
    tests: IMAGE,
    only: '(packed|normalised)$',
    faults: [
      ['wrong constant', 'packedColour.wgsl', 'vec3f(0.27, -0.09, 0.03)', 'vec3f(0.27, -0.09, 0.02)'],
      ['sign', 'packedColour.wgsl', 'exp(-rgb)', 'exp(rgb)'],
      ['wrong constant', 'packedWarp.wgsl', 'vec4f(0.485, 0.456, 0.406, 0)', 'vec4f(0.485, 0.465, 0.406, 0)'],
      ['missing division', 'packedWarp.wgsl', 'if (NORMALIZED) { d /= STD; }', ''],
      [
        'missing accumulate',
        'packedWarp.wgsl',
        'if (ACCUMULATE) { d += dx[at]; }',
        'if (ACCUMULATE) { d += vec4f(); }',
      ],
      ['off by one', 'packedWarp.wgsl', 'if (p >= P) { break; }', 'if (p > P) { break; }'],
      ['index', 'packedWarp.wgsl', 'let first = i32(id.x) / W * TALL;', 'let first = i32(id.x) / Q * TALL;'],
      [
        'missing pixel',
        'packedPad.wgsl',
        'for (var k = 0; k < TALL; k++)',
        'for (var k = 0; k < TALL - 1; k++)',
      ],
      ['wrong constant', 'packedWarp.wgsl', '12582912.0) - 0x4B400000', '8388608.0) - 0x4B000000'],
      ['missing bound', 'packedPad.wgsl', '(j > 0 && columns[j] == v)', 'false'],
      [
        'index',
        'packedPad.wgsl',
        'at.y_start.x, H_FRAME) - at.x_start.x',
        'at.y_start.x, H_FRAME) - at.x_start.y',
      ],
      [
        'missing bound',
        'packedWarp.wgsl',
        'saturate(1 - abs(source(m, at.x, at.y) - vec2f(v, h)))',
        '1 - abs(source(m, at.x, at.y) - vec2f(v, h))',
      ],
      ['missing bound', 'packedWarp.wgsl', 'let inside = all(at <= high);', 'let inside = true;'],
      [
        'wrong lane',
        'packedWarp.wgsl',
        'maps[row * FIELDS + 8 + lane % 2]',
        'maps[row * FIELDS + 8 + lane % 1]',
      ],
      ['off by one', 'warp.ts', 'Math.floor(2 * reach) + 1', 'Math.floor(2 * reach)'],
      ['off by one', 'packedWarp.wgsl', '(1 - t.y) * top + t.y * bottom, valid', 'top, valid'],
    ],
  },
];
