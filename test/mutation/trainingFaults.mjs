// Faults of the kernels that train, and of those that close a step. See plant.mjs for what a row is.

const TRAINING = 'test/kernels/trainingOps.gpu.test.ts';

export const trainingFaults = [
  {
    // running cannot show this one on llvmpipe: its first subgroup has the sum before the others look
    tests: 'test/kernels/barriers.test.ts',
    faults: [
      [
        'missing barrier',
        'batchNormTraining.wgsl',
        '  workgroupBarrier();\n  return strands[0];',
        '  return strands[0];',
      ],
    ],
  },
  {
    tests: TRAINING,
    only: '^batchNormTraining',
    faults: [
      [
        'missing barrier',
        'batchNormTraining.wgsl',
        '  workgroupBarrier();                  // the sum before may still be being read\n',
        '',
      ],
      [
        'missing barrier',
        'batchNormTraining.wgsl',
        '    workgroupBarrier();\n    if (lane < half)',
        '    if (lane < half)',
      ],
      [
        'off by one',
        'batchNormTraining.wgsl',
        'for (var half = 32u; half > 0; half /= 2)',
        'for (var half = 32u; half > 1; half /= 2)',
      ],
      [
        'missing epsilon',
        'batchNormTraining.wgsl',
        '/ sqrt(variance[c] + EPS)) + beta[c]',
        '/ sqrt(variance[c])) + beta[c]',
      ],
      [
        'missing epsilon',
        'batchNormTraining.wgsl',
        '(x[at] - mean[c]) / sqrt(variance[c] + EPS)',
        '(x[at] - mean[c]) / sqrt(variance[c])',
      ],
      [
        'missing epsilon',
        'batchNormTraining.wgsl',
        'let deviation = sqrt(variance[c] + EPS);',
        'let deviation = sqrt(variance[c]);',
      ],
      [
        'missing term',
        'batchNormTraining.wgsl',
        'let deviation = x[place(group.y, i)] - m;',
        'let deviation = x[place(group.y, i)];',
      ],
      [
        'swapped operands',
        'batchNormTraining.wgsl',
        'let means = sums[c] / f32(COUNT);',
        'let means = sums[c].yx / f32(COUNT);',
      ],
      ['sign', 'batchNormTraining.wgsl', '/ deviation * means.y);', '/ -deviation * means.y);'],
      ['index', 'batchNormTraining.wgsl', '(i / PIXELS * planes() + c / SIDE)', '(i / PIXELS + c / SIDE)'],
      [
        'wrong divisor',
        'batchNormTraining.wgsl',
        'vec2f(squares, 0.0)).x / f32(COUNT)',
        'vec2f(squares, 0.0)).x / f32(COUNT - 1)',
      ],
      ['swapped outputs', 'batchNormTraining.wgsl', 'var d = sums[id.x].y;', 'var d = sums[id.x].x;'],
      [
        'missing accumulate',
        'batchNormTraining.wgsl',
        'if (ACCUMULATE) { d += dbeta[id.x]; }',
        'if (ACCUMULATE) { d += 0; }',
      ],
    ],
  },
  {
    tests: TRAINING,
    only: '^crossEntropy',
    faults: [
      ['missing term', 'crossEntropy.wgsl', 'logSum[n] = largest + log(sum);', 'logSum[n] = log(sum);'],
      ['overflow', 'crossEntropy.wgsl', 'exp(x[n * K + k] - largest)', 'exp(x[n * K + k])'],
      ['off by one', 'crossEntropy.wgsl', 'for (var k = 0u; k < K; k++)', 'for (var k = 0u; k < K - 1; k++)'],
      [
        'missing term',
        'crossEntropy.wgsl',
        '(exp(x[i] - logSum[id.y]) - wanted)',
        'exp(x[i] - logSum[id.y])',
      ],
      ['index', 'crossEntropy.wgsl', 'id.x == labels[id.y]', 'id.x == labels[0]'],
      ['wrong bound', 'crossEntropy.wgsl', 'if (n >= N) { return; }', 'if (n >= N - 1) { return; }'],
    ],
  },
  {
    tests: TRAINING,
    only: '^(conv2d|linear|samples are summed)',
    faults: [
      ['padding', 'conv2d.wgsl', 'let top = i32(id.x) / S % R - TOP;', 'let top = i32(id.x) / S % R;'],
      ['off by one', 'conv2d.wgsl', '(STRIDE - 1 + H - top) / STRIDE', '(H - top) / STRIDE'],
      ['missing bound', 'conv2d.wgsl', 'let q_low = max(0, (STRIDE - 1 - left) / STRIDE);', 'let q_low = 0;'],
      ['missing bound', 'conv2d.wgsl', 'n < min(N, (id.y + 1) * SAMPLES)', 'n < (id.y + 1) * SAMPLES'],
      ['stride', 'conv2d.wgsl', 'x[x_row + q * STRIDE]', 'x[x_row + q]'],
      [
        'missing accumulate',
        'conv2d.wgsl',
        'i += size) { sum += parts[i]; }',
        'i += size) { sum = parts[i]; }',
      ],
      ['off by one', 'conv2d.wgsl', '((N + SAMPLES - 1) / SAMPLES)', '(N / SAMPLES)'],
      [
        'missing accumulate',
        'conv2d.wgsl',
        'if (ACCUMULATE) { sum += dw[id.x]; }',
        'if (ACCUMULATE) { sum += 0; }',
      ],
      [
        'swapped operands',
        'linear.wgsl',
        'dy[n * K + id.y] * x[n * C + id.x]',
        'dy[n * K + id.x] * x[n * C + id.y]',
      ],
      [
        'off by one',
        'linear.wgsl',
        'for (var n = 0u; n < N; n++) { sum += dy[n * K + id.x]; }',
        'for (var n = 1u; n < N; n++) { sum += dy[n * K + id.x]; }',
      ],
    ],
  },
  {
    tests: TRAINING,
    only: '^updates',
    faults: [
      ['sign', 'sgd.wgsl', 'p[id.x] -= rates', 'p[id.x] += rates'],
      ['sign', 'sgd.wgsl', '(g[id.x] + DECAY * p[id.x])', '(g[id.x] - DECAY * p[id.x])'],
      ['missing term', 'sgd.wgsl', 'MOMENTUM * m[id.x] + ', ''],
      ['index', 'sgd.wgsl', 'rates[clock[0]]', 'rates[0]'],
      ['missing factor', 'runningStatistics.wgsl', 'SHARE * UNBIAS * variance[c]', 'SHARE * variance[c]'],
      [
        'swapped operands',
        'runningStatistics.wgsl',
        '(1.0 - SHARE) * runningMean[c] + SHARE * mean[c]',
        'SHARE * runningMean[c] + (1.0 - SHARE) * mean[c]',
      ],
    ],
  },
  {
    tests: 'test/kernels/update.gpu.test.ts',
    faults: [
      ['wrong constant', 'adam.wgsl', 'BETA1 * m[i] + GAIN1', 'BETA2 * m[i] + GAIN1'],
      ['missing square', 'adam.wgsl', 'GAIN2 * gradient * gradient', 'GAIN2 * gradient'],
      ['missing epsilon', 'adam.wgsl', '(sqrt(second) * rate.y + EPS)', '(sqrt(second) * rate.y)'],
      ['sign', 'adam.wgsl', 'p[i] += rate.x', 'p[i] -= rate.x'],
      ['index', 'adam.wgsl', 'rates[clock[0]]', 'rates[0]'],
      ['missing barrier', 'tick.wgsl', '    workgroupBarrier();\n', ''],
      ['off by one', 'tick.wgsl', 'half > 0; half /= 2', 'half > 1; half /= 2'],
      ['missing root', 'tick.wgsl', 'sqrt(partial[0])', 'partial[0]'],
      ['index', 'tick.wgsl', 'square(g[group.y * SIZE + i])', 'square(g[i])'],
      ['wrong constant', 'tick.wgsl', 'clock[0] += 1;', 'clock[0] += 2;'],
    ],
  },
];
