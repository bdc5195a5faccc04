// Bundles the benchmarks as build.mjs does the command line, and runs them: node bench/run.mjs step --weights FILE
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outfile = resolve(root, 'node_modules/.cache/streamscope/bench.js');

await build({
  entryPoints: [resolve(root, 'bench/main.ts')],
  absWorkingDir: root,
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  loader: { '.wgsl': 'text' },
  packages: 'external',
  sourcemap: true,
  logLevel: 'warning',
});
const { main } = await import(pathToFileURL(outfile).href);
// exitCode would wait for handles that a lost device may keep open
process.exit(await main(process.argv, root));
