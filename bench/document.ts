// What every benchmark prints and keeps: the machine, the adapter, the versions and the commit beside the cases. People
// read stderr; the last line of stdout is the document as JSON, which --out keeps.

import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import dawn from '../node_modules/webgpu/package.json';
import { writeAtomically } from '../src/cli/files.ts';
import { version } from '../src/cli/version.ts';
import { StreamscopeError } from '../src/error.ts';
import type { AdapterFacts } from './adapter.ts';
import { rounded } from './samples.ts';

export const say = (text: string): void => console.error(text);

/** The commit of the working tree, "-dirty" when files differ from it; undefined outside a repository. */
function commitOf(root: string): string | undefined {
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', root, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const dirty = git('status', '--porcelain', '--', 'src', 'bench', ':!bench/results') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${dirty ? '-dirty' : ''}`;
  } catch {
    return undefined;
  }
}

/** What the numbers were measured on. `others` are the versions of what ran beside us. */
export const surroundings = (adapter: AdapterFacts, root: string, others: object = {}) => ({
  machine: {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: totalmem() / 2 ** 30,
    system: `${platform()} ${release()}`,
    load: loadavg()[0],
  },
  adapter,
  versions: {
    streamscope: version,
    commit: commitOf(root),
    node: process.versions.node,
    dawn: dawn.version,
    ...others,
  },
});

export function announce({ name, software }: AdapterFacts): void {
  const [{ model }] = cpus();
  say(`${model.trim()}, ${availableParallelism()} cores, load ${loadavg()[0].toFixed(1)}`);
  say(`${name}${software ? ': a SOFTWARE adapter; these are not times of a GPU' : ''}`);
}

/** Prints the document, and stores it. */
export async function finish(document: object, out?: string): Promise<void> {
  const short = rounded(document);
  if (out) await writeAtomically(out, `${JSON.stringify(short, null, 2)}\n`);
  console.log(JSON.stringify(short));
}

export function failIf(failed: string[]): void {
  if (failed.length === 0) return;
  throw new StreamscopeError('bug', `No time for what was not shown to be right: ${failed.join('; ')}.`);
}
