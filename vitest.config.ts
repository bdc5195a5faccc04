// Four projects: `unit` needs nothing, `gpu` needs a WebGPU adapter (and fails without one), `web` drives the page in
// Chrome or Chromium (and fails without one), `parity` compares with PyTorch outputs found in the folder that
// STREAMSCOPE_REFERENCE names.
import { defineConfig } from 'vitest/config';

const wgslAsText = {
  name: 'wgsl-as-text',
  transform(code: string, id: string) {
    return id.endsWith('.wgsl') ? `export default ${JSON.stringify(code)};` : undefined;
  },
};

// Everything that acquires a device. One worker, so one device at a time.
const onGpu = ['test/story.test.ts', 'test/**/*.gpu.test.ts'];
const inChrome = ['test/**/*.web.test.ts'];
const gpu = { pool: 'forks' as const, fileParallelism: false, testTimeout: 120_000, hookTimeout: 120_000 };

export default defineConfig({
  plugins: [wgslAsText],
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...onGpu, ...inChrome, 'test/parity/**'],
          testTimeout: 60_000, // many start processes, and a busy machine takes its time
        },
      },
      { extends: true, test: { name: 'gpu', include: onGpu, exclude: ['test/parity/**'], ...gpu } },
      { extends: true, test: { name: 'web', include: inChrome, ...gpu, testTimeout: 300_000 } },
      { extends: true, test: { name: 'parity', include: ['test/parity/**/*.test.ts'], ...gpu } },
    ],
  },
});
