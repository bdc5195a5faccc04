// WebGPU in Node: Dawn, from the npm package `webgpu`. gpu.browser.ts is the same interface in a page.
// Two facts about the package shape this file. The object that create() returns must stay reachable for the
// life of the process, or every run crashes. And Dawn waits by spinning on setImmediate, which takes a core
// away from a software adapter; a 1 ms timer in its place halves the time of a step there.

import { readFileSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { create, globals } from 'webgpu';
import { StreamscopeError } from '../error.ts';

Object.assign(globalThis, globals);

// Mesa's software driver runs 256 bits wide unless told otherwise. Our kernels want all the CPU has: 16 lanes where there
// is AVX-512 (STREAMSCOPE_LANES=8 or 16 decides by hand). Its shader cache does not know the width, and silently runs
// code of the wrong one: every width gets a cache of its own.
const lanes = process.env.STREAMSCOPE_LANES ?? (hasWideVectors() ? 16 : undefined);
if (process.env.STREAMSCOPE_LANES) process.env.LP_NATIVE_VECTOR_WIDTH = `${32 * Number(lanes)}`;
else if (lanes) process.env.LP_NATIVE_VECTOR_WIDTH ??= `${32 * Number(lanes)}`;
const width = process.env.LP_NATIVE_VECTOR_WIDTH;
if (width) process.env.MESA_SHADER_CACHE_DIR ??= join(homedir(), '.cache', `streamscope-shaders-${width}`);

/** Whether this CPU has vectors of 512 bits; false where the system does not say. */
function hasWideVectors(): boolean {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f');
  } catch {
    return false;
  }
}

const options = ['disable-dawn-features=timestamp_quantization'];
const backend = process.env.STREAMSCOPE_BACKEND;
if (backend) options.push(`backend=${backend}`);
const adapterName = process.env.STREAMSCOPE_ADAPTER;
if (adapterName) options.push(`adapter=${adapterName}`);

// Kept on globalThis: a module variable alone is not enough, engines drop what nothing reads.
const keep = globalThis as { streamscopeGpus?: Map<string, GPU> };

/**
 * An entry point of WebGPU with these toggles of Dawn, one for each name. Throws what Dawn throws when no backend or adapter
 * of that name exists.
 */
function openGpu(name: string, ...toggles: string[]): GPU {
  keep.streamscopeGpus ??= new Map();
  const gpu = keep.streamscopeGpus.get(name) ?? create([...options, ...toggles]);
  keep.streamscopeGpus.set(name, gpu);
  return gpu;
}

/**
 * Mesa's software driver. It compares every address with the bounds of what it addresses, whatever the shader does; and it
 * compiles a kernel when it first runs, after a look into a cache on disk.
 */
const LAVAPIPE = /llvmpipe|lavapipe/i;

const UNCHECKED = 'enable-dawn-features=disable_robustness';

/**
 * The adapter, null where there is none. Dawn adds checks of its own to every shader, of addresses and of every
 * broadcast between lanes: 4 to 7 % of a convolution. They are left out where the driver checks as well. With `core`, that
 * of Mesa's software driver, an instance of it for each core, whose devices compute on the one thread of their queue.
 */
export async function requestAdapter(
  wanted: GPURequestAdapterOptions,
  core?: number,
): Promise<GPUAdapter | null> {
  if (core !== undefined) return onOneThread(() => openGpu(`core ${core}`, UNCHECKED).requestAdapter(wanted));
  const adapter = await openGpu('checked').requestAdapter(wanted);
  if (!adapter || !LAVAPIPE.test(`${adapter.info.device} ${adapter.info.description}`)) return adapter;
  return openGpu('unchecked', UNCHECKED).requestAdapter(wanted);
}

/** The driver looks into its environment when an instance of it is opened. */
async function onOneThread<T>(open: () => Promise<T>): Promise<T> {
  const before = process.env.LP_NUM_THREADS;
  process.env.LP_NUM_THREADS = '0';
  try {
    return await open();
  } finally {
    if (before === undefined) delete process.env.LP_NUM_THREADS;
    else process.env.LP_NUM_THREADS = before;
  }
}

/** More devices than this would not fit into memory for what they gain. */
const MOST_CORES = 16;

/**
 * How many devices of one core each do more together than one on all cores (team.ts): as many as there are cores for
 * Mesa's software driver, unless the user sets its threads. STREAMSCOPE_CORES decides by hand.
 */
export function coreDevices(adapter: string): number {
  if (!LAVAPIPE.test(adapter)) return 1;
  const asked = Math.floor(
    positive('STREAMSCOPE_CORES', process.env.LP_NUM_THREADS ? 1 : availableParallelism()),
  );
  return Math.max(1, Math.min(MOST_CORES, asked));
}

/** How many devices may help this adapter's driver to compile (compileAhead.ts): one for each core but one, a few. */
export function compilers(adapter: string): number {
  if (!LAVAPIPE.test(adapter) || process.env.MESA_SHADER_CACHE_DISABLE) return 0;
  return Math.min(3, availableParallelism() - 1);
}

export const host = 'node';

/** The family of kernels that the user asks for (kernelFamily.ts), unchecked. */
export const kernelsAsked = process.env.STREAMSCOPE_KERNELS;

/** Whether SIMD adapters may take Winograd's way (kernels/simdWinograd.ts). */
export const winogradAsked = (): boolean => isOn('STREAMSCOPE_WINOGRAD');

/** Whether the weights of convolutions are stored as float16 (model/parameters.ts). */
export const float16Asked = (): boolean => isOn('STREAMSCOPE_FLOAT16');

/** A setting that is 1, or 0 or nothing. Throws usage for anything else. */
function isOn(name: string): boolean {
  const text = process.env[name] ?? '';
  if (['', '0', '1'].includes(text)) return text === '1';
  throw new StreamscopeError('usage', `${name} is ${JSON.stringify(text)}, expected 1 or 0.`);
}

/** Where tunings of adapters are kept (tuning.ts); undefined where STREAMSCOPE_TUNING is `none`. */
export function tuningFile(): string | undefined {
  const { STREAMSCOPE_TUNING: named, XDG_CACHE_HOME: cache } = process.env;
  if (named) return named === 'none' ? undefined : named;
  // a relative path there is to be ignored, as the standard says
  return join(cache && isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'streamscope', 'tuning.json');
}

/** That file as it is. Only a file that somebody `named` must be there. */
export function readTuning(): { file: string; named: boolean; text?: string; fault?: string } | undefined {
  const file = tuningFile();
  if (!file) return undefined;
  const named = Boolean(process.env.STREAMSCOPE_TUNING);
  try {
    return { file, named, text: readFileSync(file, 'utf8') };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' && !named ? { file, named } : { file, named, fault: message.split(',')[0] };
  }
}

/** Bytes of GPU memory that all buffers together may take, and seconds that the GPU may take for what it was given. */
export const memoryBudget = (): number => 2 ** 20 * positive('STREAMSCOPE_MEMORY', Number.POSITIVE_INFINITY);
export const patience = (): number => positive('STREAMSCOPE_GPU_TIMEOUT', 600);

/** A setting that is a number above 0. Throws usage for anything else. */
function positive(name: string, otherwise: number): number {
  const text = process.env[name];
  if (!text) return otherwise;
  if (Number(text) > 0) return Number(text);
  throw new StreamscopeError('usage', `${name} is ${JSON.stringify(text)}, expected a number above 0.`);
}

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
