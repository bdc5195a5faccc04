// WebGPU in Node: Dawn, from the npm package `webgpu`. gpu.browser.ts is the same interface in a page.
// Two facts about the package shape this file. The object that create() returns must stay reachable for the
// life of the process, or every run crashes. And Dawn waits by spinning on setImmediate, which takes a core
// away from a software adapter; a 1 ms timer in its place halves the time of a step there.

import { homedir } from 'node:os';
import { join } from 'node:path';
import { create, globals } from 'webgpu';

Object.assign(globalThis, globals);

// Mesa's software driver runs 256 bits wide unless told otherwise (STREAMSCOPE_LANES=16: 512). Its shader cache does
// not know the width, and silently runs code of the wrong one: every width gets a cache of its own.
if (process.env.STREAMSCOPE_LANES)
  process.env.LP_NATIVE_VECTOR_WIDTH = `${32 * Number(process.env.STREAMSCOPE_LANES)}`;
const width = process.env.LP_NATIVE_VECTOR_WIDTH;
if (width) process.env.MESA_SHADER_CACHE_DIR ??= join(homedir(), '.cache', `streamscope-shaders-${width}`);

const options = ['disable-dawn-features=timestamp_quantization'];
const backend = process.env.STREAMSCOPE_BACKEND;
if (backend) options.push(`backend=${backend}`);
const adapterName = process.env.STREAMSCOPE_ADAPTER;
if (adapterName) options.push(`adapter=${adapterName}`);

// Kept on globalThis: a module variable alone is not enough, engines drop what nothing reads.
const keep = globalThis as { streamscopeGpu?: GPU };

/** The entry point of WebGPU. Throws what Dawn throws when no backend or adapter of that name exists. */
export function openGpu(): GPU {
  keep.streamscopeGpu ??= create(options);
  return keep.streamscopeGpu;
}

export const host = 'node';

/** DEBUG=1 device, plan, memory; 2 a table per dispatch; 3 the WGSL. */
export const debugLevel = Number(process.env.DEBUG) || 0;

let waiting = 0;
const spin = globalThis.setImmediate;
const doze = ((callback: (...values: unknown[]) => void, ...values: unknown[]) =>
  setTimeout(callback, 1, ...values)) as unknown as typeof setImmediate;

/** Awaits a promise of the GPU without burning a core meanwhile. */
export async function waitFor<T>(promise: Promise<T>): Promise<T> {
  if (waiting++ === 0) globalThis.setImmediate = doze;
  try {
    return await promise;
  } finally {
    if (--waiting === 0) globalThis.setImmediate = spin;
  }
}
