// WebGPU libraries in JavaScript as children, each with the courtesies that it needs to do well: waits that do not
// spin, the vector width of a software adapter that suits it, and a shader cache of its own for every width (Mesa's
// cache does not know the width and would run code of the wrong one). They live in bench/peers with packages of their own.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Gpu } from '../src/engine/device.ts';
import { StreamscopeError } from '../src/error.ts';
import { Child } from './child.ts';

export const PEERS = { tfjs: 'tfjs.mjs', 'jax-js': 'jaxJs.mjs' } as const;
export type PeerName = keyof typeof PEERS;

/** Bits of a vector, by what Mesa's software adapter can be told. */
const WIDTHS = ['256', '512'];

export interface PeerInfo {
  name: string;
  version: string;
  adapter: string;
  /** LP_NATIVE_VECTOR_WIDTH, where the adapter is a software adapter */
  vectorWidth?: string;
  /** ms of the trial that chose it, by width */
  trial?: Record<string, number>;
}

/** How a width is tried: made ready once, then timed in turns with the others; `time` gives the fastest ms. */
export interface Trial {
  prepare(child: Child): Promise<void>;
  time(child: Child): Promise<number>;
}

const TRIAL_ROUNDS = 2;

/** Bundles a peer, because some libraries' modules cannot be loaded by Node as they are. */
async function bundle(root: string, name: PeerName): Promise<string> {
  const folder = join(root, 'bench/peers');
  if (!existsSync(join(folder, 'node_modules'))) {
    const hint = 'Install them: npm ci --ignore-scripts --prefix bench/peers.';
    throw new StreamscopeError('unavailable', `${name} is not installed.`, hint);
  }
  const outfile = join(folder, 'node_modules/.cache', PEERS[name]);
  await build({
    entryPoints: [join(folder, PEERS[name])],
    outfile,
    bundle: true,
    platform: 'node',
    mainFields: ['module', 'main'],
    conditions: ['import', 'module'],
    format: 'esm',
    target: 'node20',
    external: ['webgpu', 'node-fetch', 'util', 'worker_threads', 'crypto'],
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  return outfile;
}

function start(root: string, name: PeerName, script: string, width?: string): Child {
  const env = { ...process.env };
  delete env.LP_NATIVE_VECTOR_WIDTH;
  delete env.MESA_SHADER_CACHE_DIR;
  if (width) {
    env.LP_NATIVE_VECTOR_WIDTH = width;
    env.MESA_SHADER_CACHE_DIR = join(root, 'node_modules/.cache/streamscope', `shaders-${name}-${width}`);
    mkdirSync(env.MESA_SHADER_CACHE_DIR, { recursive: true });
  }
  return new Child(name, process.execPath, [script], 'DEBUG=1 shows what it says.', env);
}

const hasAvx512 = (): boolean => {
  try {
    return /\bavx512f\b/.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
};

/** Starts a peer on the adapter of `gpu`, in the width that the trial shows to be the faster. */
export async function startPeer(
  root: string,
  name: PeerName,
  gpu: Gpu,
  trial: Trial,
): Promise<{ child: Child; info: PeerInfo }> {
  const script = await bundle(root, name);
  const widths = /llvmpipe/i.test(gpu.adapter) ? (hasAvx512() ? WIDTHS : WIDTHS.slice(0, 1)) : [undefined];
  const tried = widths.map((width) => ({ width, child: start(root, name, script, width), ms: Infinity }));
  try {
    for (const { child } of tried) await requireAdapter(child, gpu);
    if (tried.length > 1) {
      for (const { child } of tried) await trial.prepare(child);
      for (let round = 0; round < TRIAL_ROUNDS; round++)
        for (const entry of tried) entry.ms = Math.min(entry.ms, await trial.time(entry.child));
    }
    const [best, ...others] = tried.sort((a, b) => a.ms - b.ms);
    for (const { child } of others) child.close();
    const info = await best.child.ask<PeerInfo>({ do: 'describe' });
    if (best.width) info.vectorWidth = best.width;
    if (others.length > 0) info.trial = Object.fromEntries(tried.map(({ width, ms }) => [width, ms]));
    return { child: best.child, info };
  } catch (error) {
    for (const { child } of tried) child.close();
    throw error;
  }
}

/** Throws when a peer runs on another adapter than ours. */
async function requireAdapter(child: Child, gpu: Gpu): Promise<void> {
  const { adapter } = await child.ask<PeerInfo>({ do: 'describe' });
  // what is in brackets may name the vector width
  const device = (name: string) => name.replace(/\([^)]*\)/, '');
  if (device(adapter) === device(gpu.adapter)) return;
  const message = `${child.name} runs on ${adapter}, we run on ${gpu.adapter}: that is no comparison.`;
  throw new StreamscopeError('unavailable', message, 'Name the adapter: STREAMSCOPE_ADAPTER=NAME.');
}
