// WebGPU in Node for libraries that expect a browser, with the courtesies that our own engine has.
//
// Dawn's binding waits by spinning on setImmediate, which takes one core away from a software adapter: while we wait,
// a 1 ms timer stands in for it. The object that create() returns must stay reachable for the life of the process.

import { create, globals } from 'webgpu';

const options = ['disable-dawn-features=timestamp_quantization'];
if (process.env.STREAMSCOPE_BACKEND) options.push(`backend=${process.env.STREAMSCOPE_BACKEND}`);
if (process.env.STREAMSCOPE_ADAPTER) options.push(`adapter=${process.env.STREAMSCOPE_ADAPTER}`);

Object.assign(globalThis, globals);
globalThis.peerGpu = create(options);
// where the driver checks addresses itself, Dawn's checks are left out, as they are for our kernels
const found = await globalThis.peerGpu.requestAdapter({ powerPreference: 'high-performance' });
if (/llvmpipe|lavapipe/i.test(`${found?.info.device} ${found?.info.description}`)) {
  globalThis.checkedGpu = globalThis.peerGpu;
  globalThis.peerGpu = create([...options, 'enable-dawn-features=disable_robustness']);
}
Object.defineProperty(globalThis, 'navigator', {
  value: { gpu: globalThis.peerGpu, userAgent: 'Node.js', hardwareConcurrency: 2 },
});

// WebGPU reports errors by event and goes on with zeros, in no time: the first one is kept for check()
let failure;
const { requestDevice } = GPUAdapter.prototype;
GPUAdapter.prototype.requestDevice = async function (...values) {
  const device = await requestDevice.apply(this, values);
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    failure ??= event.error.message.split('\n')[0];
  });
  return device;
};

/** Throws the first error that a device has reported. */
export function check() {
  if (failure) throw new Error(`the GPU rejected a command: ${failure}`);
}

const spin = globalThis.setImmediate;
const doze = (callback, ...values) => setTimeout(callback, 1, ...values);

/** Awaits a promise of the GPU without burning a core meanwhile. */
export async function waitFor(promise) {
  globalThis.setImmediate = doze;
  try {
    return await promise;
  } finally {
    globalThis.setImmediate = spin;
  }
}

/** The adapter's name, as the engine of streamscope prints it. */
export async function adapterName() {
  const { info } = await waitFor(navigator.gpu.requestAdapter({ powerPreference: 'high-performance' }));
  const { vendor, architecture, device, description } = info;
  return description || [vendor, architecture, device].filter(Boolean).join(' ') || 'unnamed adapter';
}
