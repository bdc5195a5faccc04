// Asking for an adapter and a device, with words for what can go wrong.

import { requestAdapter, waitFor } from '#gpu';
import { StreamscopeError } from '../error.ts';

/** A device of this adapter. Throws when it gives none. */
export async function requestDevice(
  adapter: GPUAdapter,
  descriptor: GPUDeviceDescriptor,
): Promise<GPUDevice> {
  try {
    return await waitFor(adapter.requestDevice(descriptor));
  } catch (error) {
    throw new StreamscopeError(
      'unavailable',
      `The adapter gives no device: ${String(error).split('\n')[0]}.`,
      '`streamscope doctor` shows what there is; STREAMSCOPE_ADAPTER chooses another.',
    );
  }
}

/** The adapter of this system: the one for core `core` of those that computeOnCores (#gpu) counts. Throws when there is none. */
export async function findAdapter(core?: number): Promise<GPUAdapter> {
  const hint = 'Run `sh setup.sh`, which installs a software adapter where it may, or says what to install.';
  let adapter: GPUAdapter | null;
  try {
    adapter = await requestAdapter({ powerPreference: 'high-performance' }, core);
  } catch (error) {
    if (error instanceof StreamscopeError) throw error;
    throw new StreamscopeError(
      'unavailable',
      `WebGPU could not start: ${String(error).split('\n')[0]}`,
      hint,
    );
  }
  if (!adapter) throw new StreamscopeError('unavailable', 'No WebGPU adapter was found.', hint);
  return adapter;
}
