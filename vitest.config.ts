// Three projects: `unit` needs nothing, `gpu` needs a WebGPU adapter (and fails without one),
// `parity` compares with PyTorch outputs found in the folder that STREAMSCOPE_REFERENCE names.
import { defineConfig } from 'vitest/config';

const wgslAsText = {
  name: 'wgsl-as-text',
  transform(code: string, id: string) {
    return id.endsWith('.wgsl') ? `export default ${JSON.stringify(code)};` : undefined;
  },
};

// Everything that acquires a device. One worker, so one device at a time.
const onGpu = ['test/story.test.ts', 'test/**/*.gpu.test.ts'];
const gpu = { pool: 'forks' as const, fileParallelism: false, testTimeout: 120_000, hookTimeout: 120_000 };

export default defineConfig({
  plugins: [wgslAsText],
  test: {
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [...onGpu, 'test/parity/**'] },
      },
      { extends: true, test: { name: 'gpu', include: onGpu, exclude: ['test/parity/**'], ...gpu } },
      { extends: true, test: { name: 'parity', include: ['test/parity/**/*.test.ts'], ...gpu } },
    ],
  },
});
