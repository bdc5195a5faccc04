// The same sources serve the browser: they bundle for it without node:, without Dawn, from navigator.gpu.

import { build } from 'esbuild';
import { expect, test } from 'vitest';

test.each(['src/visualization/campaign.ts', 'src/analysis/verify.ts', 'src/model/weights.ts'])(
  '%s bundles for a browser',
  async (entry) => {
    const { metafile, errors } = await build({
      entryPoints: [entry],
      bundle: true,
      platform: 'browser',
      format: 'esm',
      loader: { '.wgsl': 'text' },
      write: false,
      metafile: true,
      logLevel: 'silent',
    });
    const inputs = Object.keys(metafile.inputs);
    expect(errors).toEqual([]);
    expect(inputs.filter((path) => path.includes('gpu.node') || path.includes('src/cli/'))).toEqual([]);
    if (entry !== 'src/model/weights.ts') expect(inputs).toContain('src/engine/gpu.browser.ts');
  },
);
