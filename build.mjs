// Bundles the command line into dist/streamscope.js. WGSL files become text, byte for byte.
import { build } from 'esbuild';

await build({
  entryPoints: { streamscope: 'src/cli/main.ts' },
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  loader: { '.wgsl': 'text' },
  packages: 'external',
  banner: { js: '#!/usr/bin/env node' },
  sourcemap: true,
  logLevel: 'warning',
});
