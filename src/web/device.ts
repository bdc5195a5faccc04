// The device of a page. Chrome's own software adapter, SwiftShader, has subgroups of four: it could run the SIMD
// kernels, but compiles one of them for minutes, as it unrolls what they hold. It gets the plain ones.

import { Gpu } from '../engine/device.ts';

export async function acquireDevice(): Promise<Gpu> {
  const gpu = await Gpu.acquire();
  if (/swiftshader/i.test(gpu.adapter)) gpu.kernels = 'plain';
  return gpu;
}
