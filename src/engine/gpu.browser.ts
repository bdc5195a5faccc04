// WebGPU in a page or a worker: the same interface as gpu.node.ts over navigator.gpu.

import { StreamscopeError } from '../error.ts';

/** The adapter, null where there is none. Throws when the browser has no WebGPU. */
export async function requestAdapter(wanted: GPURequestAdapterOptions): Promise<GPUAdapter | null> {
  if (!navigator.gpu) {
    throw new StreamscopeError(
      'unavailable',
      'This browser offers no WebGPU.',
      'Use a current Chrome or Edge; the page must come from https or localhost.',
    );
  }
  return navigator.gpu.requestAdapter(wanted);
}

/** A page has no say in the threads of its driver. */
export const coreDevices = (): number => 1;

/** A page's driver has no cache that two devices share. */
export const compilers = (): number => 0;

export const host = 'browser';
export const kernelsAsked: string | undefined = undefined;
export const winogradAsked = (): boolean => false;
export const float16Asked = (): boolean => false;
export const debugLevel = 0;
export const memoryBudget = (): number => Number.POSITIVE_INFINITY;
export const patience = (): number => 600;

/** A page has no file of tunings. */
export const readTuning = (): undefined => undefined;

/** Awaits a promise of the GPU. */
export const waitFor = <T>(promise: Promise<T>): Promise<T> => promise;
