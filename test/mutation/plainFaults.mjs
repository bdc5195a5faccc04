// Faults of the network's plain kernels. See plant.mjs for what a row is.

const NETWORK = 'test/kernels/networkOps.gpu.test.ts';

export const plainFaults = [
  {
    tests: 'test/kernels/conv2d.gpu.test.ts',
    faults: [
      ['sign of the padding', 'conv2d.wgsl', 'let top = p * STRIDE - TOP;', 'let top = p * STRIDE + TOP;'],
      ['stride', 'conv2d.wgsl', 'let left = q * STRIDE - LEFT;', 'let left = q - LEFT;'],
      ['off by one', 'conv2d.wgsl', 'let r_end = min(R, H - top);', 'let r_end = min(R, H - top - 1);'],
      ['missing bound', 'conv2d.wgsl', 'let s_end = min(S, W - left);', 'let s_end = S;'],
      ['missing bound', 'conv2d.wgsl', 'let r_begin = max(0, -top);', 'let r_begin = 0;'],
      ['index', 'conv2d.wgsl', 'part += w[w_plane + r * S + s]', 'part += w[w_plane + r * R + s]'],
      ['index', 'conv2d.wgsl', 'let k = id.x / u32(P * Q);', 'let k = id.x / u32(P * P);'],
      ['missing accumulate', 'conv2d.wgsl', 'sum += part;\n  }\n  y[id.y', 'sum = part;\n  }\n  y[id.y'],
      [
        'off by one',
        'conv2d.wgsl',
        'let p_low = max(0, (h - R + STRIDE) / STRIDE);',
        'let p_low = max(0, (h - R) / STRIDE);',
      ],
      [
        'off by one',
        'conv2d.wgsl',
        'let q_high = min(Q, v / STRIDE + 1);',
        'let q_high = min(Q, v / STRIDE);',
      ],
      ['missing bound', 'conv2d.wgsl', 'if (h >= 0 && v >= 0) {', 'if (h >= 0) {'],
      ['padding', 'conv2d.wgsl', 'let h = i32(id.x) / W % H + TOP;', 'let h = i32(id.x) / W % H;'],
      [
        'missing accumulate',
        'conv2d.wgsl',
        'if (ACCUMULATE) { sum += dx[i]; }',
        'if (ACCUMULATE) { sum += 0; }',
      ],
    ],
  },
  {
    tests: NETWORK,
    only: '^batchNorm',
    faults: [
      [
        'missing epsilon',
        'batchNorm.wgsl',
        'sqrt(variance[c] + EPS)) + beta[c]',
        'sqrt(variance[c])) + beta[c]',
      ],
      ['missing epsilon', 'batchNorm.wgsl', 'dy[i] / sqrt(variance[c] + EPS)', 'dy[i] / sqrt(variance[c])'],
      ['swapped operands', 'batchNorm.wgsl', '(x[i] - mean[c])', '(mean[c] - x[i])'],
      ['missing root', 'batchNorm.wgsl', 'dy[i] / sqrt(variance[c] + EPS)', 'dy[i] / (variance[c] + EPS)'],
      [
        'index',
        'batchNorm.wgsl',
        'let i = id.y * C * PIXELS + id.x;\n  y[i]',
        'let i = id.y * PIXELS + id.x;\n  y[i]',
      ],
    ],
  },
  {
    tests: NETWORK,
    only: '^(add|relu)',
    faults: [
      ['index', 'add.wgsl', 'let v = id.x % Q + LEFT;', 'let v = id.x % Q;'],
      ['wrong bound', 'add.wgsl', 'v < LEFT + Q)', 'v <= LEFT + Q)'],
      ['missing bound', 'add.wgsl', 'if (h >= TOP && h < TOP + P', 'if (h < TOP + P'],
      ['missing accumulate', 'add.wgsl', 'if (ACCUMULATE) { d += da[i]; }', 'if (ACCUMULATE) { d += 0; }'],
      ['wrong comparison', 'relu.wgsl', 'select(0.0, dy[i], x[i] > 0.0)', 'select(0.0, dy[i], x[i] >= 0.0)'],
      [
        'wrong bound',
        'relu.wgsl',
        'if (id.x >= SIZE) { return; }\n  let i = id.y * SIZE + id.x;\n  y[i]',
        'if (id.x >= SIZE - 1) { return; }\n  let i = id.y * SIZE + id.x;\n  y[i]',
      ],
    ],
  },
  {
    tests: NETWORK,
    only: '^maxPool',
    faults: [
      ['wrong comparison', 'maxPool.wgsl', '> x[plane + best]', '>= x[plane + best]'],
      ['off by one', 'maxPool.wgsl', 'h < min(top + SIZE, H)', 'h < min(top + SIZE, H - 1)'],
      ['padding', 'maxPool.wgsl', 'var best = max(top, 0) * W + max(left, 0);', 'var best = 0;'],
      ['off by one', 'maxPool.wgsl', 'p < min(P, h / STRIDE + 1)', 'p < min(P, h / STRIDE)'],
      ['stride', 'maxPool.wgsl', '(v - SIZE + STRIDE) / STRIDE', '(v + STRIDE) / STRIDE'],
      [
        'missing bound',
        'packedMaxPool.wgsl',
        'let inside = h >= 0 && h < H && v >= 0 && v < W;',
        'let inside = h >= 0 && h < H && v >= 0;',
      ],
      ['wrong comparison', 'packedMaxPool.wgsl', '(value > best)', '(value >= best)'],
      [
        'off by one',
        'packedMaxPool.wgsl',
        'for (var i = 0; i < (SIZE + STRIDE - 1) / STRIDE; i++)',
        'for (var i = 0; i < SIZE / STRIDE; i++)',
      ],
      ['missing accumulate', 'packedMaxPool.wgsl', 'if (ACCUMULATE) { sum += dx[i]; }', ''],
      [
        'off by one',
        'packedMaxPool.wgsl',
        'block_of(H - 1 + TOP) - first_row + 1',
        'block_of(H - 1 + TOP) - first_row',
      ],
      ['rounding', 'packedMaxPool.wgsl', 'select(i, i - STRIDE + 1, i < 0) / STRIDE', 'i / STRIDE'],
      ['wrong constant', 'packedMaxPool.wgsl', 'vec2i(i % 2048, i / 2048)', 'vec2i(i % 2048, i / 1024)'],
    ],
  },
  {
    tests: NETWORK,
    only: '^(globalAveragePool|linear|objective)',
    faults: [
      ['missing divisor', 'globalAveragePool.wgsl', 'sum / f32(PIXELS)', 'sum'],
      ['index', 'globalAveragePool.wgsl', 'dy[id.y * C + id.x / PIXELS]', 'dy[id.y * C + id.x % PIXELS]'],
      ['missing bias', 'linear.wgsl', 'var sum = b[id.x];', 'var sum = 0.0;'],
      ['transposed', 'linear.wgsl', 'w[k * C + id.x]', 'w[id.x * K + k]'],
      ['index', 'objective.wgsl', 'sum += x[plane + h * W + v]', 'sum += x[plane + h * H + v]'],
      ['wrong bound', 'objective.wgsl', 'h < TOP + REGION_H; h++', 'h < REGION_H; h++'],
      ['missing bound', 'objective.wgsl', '== channels[id.y] && inside', '== channels[id.y]'],
    ],
  },
];
