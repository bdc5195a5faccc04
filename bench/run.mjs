// Bundles the benchmarks as build.mjs does the command line, and runs them: node bench/run.mjs step --weights FILE
import { cp } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = resolve(root, 'node_modules/.cache/streamscope');
const outfile = resolve(cache, 'bench.js');

const shared = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  loader: { '.wgsl': 'text' },
  sourcemap: true,
  logLevel: 'warning',
};

await build({
  ...shared,
  entryPoints: [resolve(root, 'bench/main.ts')],
  outfile,
  platform: 'node',
  target: 'node20',
  packages: 'external',
});
if (process.argv.some((argument) => /^(--host=)?chrome$/.test(argument))) {
  const outfile = resolve(cache, 'web/headless.js');
  await build({
    ...shared,
    entryPoints: [resolve(root, 'bench/page.ts')],
    outfile,
    platform: 'browser',
    target: 'chrome121',
  });
  for (const name of ['headless.html', 'icon.svg'])
    await cp(resolve(root, 'src/web', name), resolve(cache, 'web', name));
}
const { main } = await import(pathToFileURL(outfile).href);
// exitCode would wait for handles that a lost device may keep open
process.exit(await main(process.argv, root));
