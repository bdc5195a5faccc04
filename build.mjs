// Bundles the command line into dist/streamscope.js and the page into dist/web. WGSL files become text, byte for byte.
// The network that the page opens with lies beside it, so that any static file server has it.
import { cp, readdir, rm } from 'node:fs/promises';
import { build } from 'esbuild';

const shared = {
  bundle: true,
  format: 'esm',
  loader: { '.wgsl': 'text' },
  sourcemap: true,
  logLevel: 'warning',
};

await build({
  ...shared,
  entryPoints: { streamscope: 'src/cli/main.ts' },
  outdir: 'dist',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  banner: { js: '#!/usr/bin/env node' },
});

// the page, its worker and the headless page share what they have in common
const { metafile } = await build({
  metafile: true,
  ...shared,
  entryPoints: {
    explorer: 'src/web/explorer.ts',
    worker: 'src/web/worker.ts',
    headless: 'src/web/headless.ts',
  },
  outdir: 'dist/web',
  platform: 'browser',
  target: 'chrome121',
  splitting: true,
  minify: true,
  chunkNames: 'chunk-[hash]',
});
for (const name of ['index.html', 'headless.html', 'style.css', 'icon.svg'])
  await cp(`src/web/${name}`, `dist/web/${name}`);
await cp('weights/shapes16.safetensors', 'dist/web/shapes16.safetensors');
// shared pieces are named after their content: those of earlier builds go
for (const name of await readdir('dist/web'))
  if (name.startsWith('chunk-') && !(`dist/web/${name}` in metafile.outputs))
    await rm(`dist/web/${name}`, { force: true });
