// streamscope bench: hands over to the benchmarks of the repository, bench/run.mjs, which lie beside dist/ there. They
// need what a package does not carry (the float64 loops of the tests, PyTorch's side, other libraries), so elsewhere this
// command can only say where they are. Their last line on stdout is JSON, and their exit code is ours.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EXIT, StreamscopeError } from '../error.ts';

/** The script that runs benchmarks, relative to the bundled command line. */
const SCRIPT = new URL('../bench/run.mjs', import.meta.url);

/** Arguments of the benchmarks, which are their own: those of `bench`, after what may say where it runs. */
export function benchArguments(args: readonly string[]): string[] | undefined {
  let at = 0;
  while (/^--(host|chrome)(=|$)/.test(args[at] ?? '')) at += args[at].includes('=') ? 1 : 2;
  return args[at] === 'bench' ? [...args.slice(0, at), ...args.slice(at + 1)] : undefined;
}

/** Runs the benchmarks with these arguments, and returns their exit code. Throws unavailable outside a repository. */
export async function bench(
  args: readonly string[],
  signal?: AbortSignal,
  script = fileURLToPath(SCRIPT),
): Promise<number> {
  if (!existsSync(script)) {
    throw new StreamscopeError(
      'unavailable',
      `The benchmarks are not part of the package: there is no ${script}.`,
      'They are in the repository: clone it, then npm ci, npm run build and node dist/streamscope.js bench.',
    );
  }
  const child = spawn(process.execPath, [script, ...args], { stdio: 'inherit', signal });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? EXIT.stopped));
  });
}
