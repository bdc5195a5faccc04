// The device and what can go wrong with it. WebGPU reports errors by event: a failed dispatch returns zeros and
// says nothing. Here `uncapturederror` and `lost` are fatal: they are kept, and every method that hands out a
// result throws the first of them. Buffers are made only here, so sizes are checked and bytes are counted.

import { openGpu, waitFor } from '#gpu';
import { StreamscopeError } from '../error.ts';
import { TEXELS_PER_ROW } from '../kernels/op.ts';
import { familyOf, type KernelFamily, statedLanes } from './kernelFamily.ts';
import { loadTuning, type Tuning } from './tuning.ts';

const LIMITS = ['maxStorageBufferBindingSize', 'maxBufferSize', 'maxStorageBuffersPerShaderStage'] as const;

/** Used where the adapter has them. */
const FEATURES = ['timestamp-query', 'subgroups'] as const;

/** Adapters that compute on the CPU: fine for checking and small work, refused by benchmarks of GPUs. */
const SOFTWARE = /llvmpipe|lavapipe|swiftshader/i;

export class Gpu {
  /** first error the device reported, if any */
  #failure: StreamscopeError | undefined;
  #closing = false;
  readonly pipelines = new Map<string, Promise<GPUComputePipeline>>();
  /** bytes in live buffers and textures */
  liveBytes = 0;
  /** the family of kernels that computes the network */
  kernels: KernelFamily = 'plain';
  /** what was measured on this adapter, if anything was */
  tuning: Tuning | undefined;

  private constructor(
    readonly device: GPUDevice,
    readonly info: GPUAdapterInfo,
  ) {
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault(); // Dawn would print it; it is thrown instead
      this.#fail('bug', `The GPU rejected a command: ${event.error.message.split('\n')[0]}`);
    });
    void device.lost.then(({ message }) => {
      if (!this.#closing) this.#fail('stopped', `The GPU was lost: ${message || 'no reason given'}.`);
    });
  }

  /**
   * Asks for an adapter and a device with all the limits and features the engine can use. `kernels` overrides
   * STREAMSCOPE_KERNELS, which overrides what suits the adapter. Throws when there is none, or it cannot run them.
   */
  static async acquire(kernels?: KernelFamily): Promise<Gpu> {
    const adapter = await requestAdapter();
    const requiredFeatures: GPUFeatureName[] = [];
    for (const feature of FEATURES) if (adapter.features.has(feature)) requiredFeatures.push(feature);
    const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
    const device = await waitFor(adapter.requestDevice({ requiredFeatures, requiredLimits }));
    const gpu = new Gpu(device, adapter.info);
    try {
      const choice = await familyOf(gpu, kernels);
      gpu.kernels = choice.kernels;
      const stored = loadTuning(gpu);
      gpu.tuning = stored.tuning;
      for (const { warning } of [choice, stored]) if (warning) console.error(`warning: ${warning}`);
    } catch (error) {
      gpu.close();
      throw error;
    }
    return gpu;
  }

  /** One line that names the adapter: recorded with every result. */
  get adapter(): string {
    const { vendor, architecture, device, description } = this.info;
    return description || [vendor, architecture, device].filter(Boolean).join(' ') || 'unnamed adapter';
  }

  get isSoftware(): boolean {
    return SOFTWARE.test(this.adapter);
  }

  /** Invocations of every subgroup where the kernels are written for them, undefined elsewhere. */
  get simdLanes(): number | undefined {
    return this.kernels === 'simd' ? statedLanes(this) : undefined;
  }

  /** Throws the first error that the device has reported. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  #fail(exitClass: 'bug' | 'stopped' | 'unavailable', message: string): void {
    const hint =
      exitClass === 'bug'
        ? 'This is a bug in streamscope: please report the command with the output of `streamscope doctor`.'
        : 'Run the same command again; finished work is kept.';
    this.#failure ??= new StreamscopeError(exitClass, message, hint);
  }

  /** A buffer of `size` bytes, rounded up to a multiple of 4. Throws above the device's limits. */
  createBuffer(label: string, size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    this.check();
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const limit =
      usage & GPUBufferUsage.STORAGE ? Math.min(maxBufferSize, maxStorageBufferBindingSize) : maxBufferSize;
    if (size > limit) {
      throw new StreamscopeError(
        'unavailable',
        `${label} needs ${size} bytes, this adapter (${this.adapter}) allows ${limit} in one buffer.`,
        'Use a smaller batch or image.',
      );
    }
    const rounded = Math.max(4, Math.ceil(size / 4) * 4);
    this.liveBytes += rounded;
    return this.device.createBuffer({ label, size: rounded, usage });
  }

  destroyBuffer(buffer: GPUBuffer): void {
    this.liveBytes -= buffer.size;
    buffer.destroy();
  }

  /** A texture of `rows` rows of texels (op.ts). Throws above the device's limits. */
  createTexture(label: string, rows: number): GPUTexture {
    this.check();
    const limit = this.device.limits.maxTextureDimension2D;
    if (rows > limit) {
      throw new StreamscopeError(
        'unavailable',
        `${label} needs a texture of ${rows} rows, this adapter (${this.adapter}) allows ${limit}.`,
        'Use a smaller batch or image.',
      );
    }
    const texture = this.device.createTexture({
      label,
      size: [TEXELS_PER_ROW, rows],
      format: 'rgba32float',
      usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST,
    });
    this.liveBytes += bytesOf(texture);
    return texture;
  }

  destroyTexture(texture: GPUTexture): void {
    this.liveBytes -= bytesOf(texture);
    texture.destroy();
  }

  /** Waits until everything submitted so far is done. */
  async finish(): Promise<void> {
    await waitFor(this.device.queue.onSubmittedWorkDone());
    this.check();
  }

  /** Copies bytes back to the CPU; waits for the work submitted before. */
  async read(buffer: GPUBuffer, size = buffer.size): Promise<ArrayBuffer> {
    const staging = this.createBuffer(
      `read ${buffer.label}`,
      size,
      GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    );
    try {
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, 0, staging, 0, staging.size);
      this.device.queue.submit([encoder.finish()]);
      await waitFor(staging.mapAsync(GPUMapMode.READ)).catch((error: unknown) => {
        this.check();
        throw new StreamscopeError('stopped', `Reading ${buffer.label} from the GPU failed: ${error}.`);
      });
      this.check();
      return staging.getMappedRange().slice(0, size);
    } finally {
      this.destroyBuffer(staging);
    }
  }

  /** Destroys the device. Further use throws; an open device would keep the process alive. */
  close(): void {
    this.#closing = true;
    this.#fail('bug', 'The GPU was closed and is used again.');
    this.device.destroy();
  }
}

export const bytesOf = ({ width, height }: GPUTexture): number => 16 * width * height;

async function requestAdapter(): Promise<GPUAdapter> {
  const hint = 'Run `sh setup.sh`, which installs a software adapter where it may, or says what to install.';
  let adapter: GPUAdapter | null;
  try {
    adapter = await openGpu().requestAdapter({ powerPreference: 'high-performance' });
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
