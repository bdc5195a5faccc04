// The device and what can go wrong with it. WebGPU reports errors by event: a failed dispatch returns zeros and
// says nothing. Here `uncapturederror` and `lost` are fatal: they are kept, and every method that hands out a
// result throws the first of them. Buffers are made only here, so sizes are checked and bytes are counted.

import { coreDevices, float16Asked, memoryBudget, patience, waitFor, winogradAsked } from '#gpu';
import { type ExitClass, StreamscopeError } from '../error.ts';
import { TEXELS_PER_ROW } from '../kernels/op.ts';
import { findAdapter, requestDevice } from './adapter.ts';
import { checksumOf, encodeChecksum } from './checksum.ts';
import { familyOf, type KernelFamily, statedLanes } from './kernelFamily.ts';
import { loadTuning, type Tuning } from './tuning.ts';
import { within } from './watchdog.ts';

const LIMITS = ['maxStorageBufferBindingSize', 'maxBufferSize', 'maxStorageBuffersPerShaderStage'] as const;

/** Used where the adapter has them. */
const FEATURES = ['timestamp-query', 'subgroups'] as const;

/** Adapters that compute on the CPU: fine for checking and small work, refused by benchmarks of GPUs. */
const SOFTWARE = /llvmpipe|lavapipe|swiftshader/i;

export const REPORT =
  'This is a bug in streamscope: please report the command with the output of `streamscope doctor`.';
const AGAIN = 'Run the same command again; finished work is kept.';
const SMALLER = 'Use a smaller batch or image.';

/** There is no memory for something: a smaller batch may fit. */
export class OutOfMemory extends StreamscopeError {
  constructor(message: string) {
    super('unavailable', message, SMALLER);
  }
}

export class Gpu {
  /** first error the device reported, if any */
  #failure: StreamscopeError | undefined;
  #closing = false;
  /** it was given work that it does not finish */
  #hangs = false;
  readonly pipelines = new Map<string, Promise<GPUComputePipeline>>();
  /** bytes in live buffers and textures, those of members included */
  liveBytes = 0;
  /** the family of kernels that computes the network */
  kernels: KernelFamily = 'plain';
  /** what was measured on this adapter, if anything was */
  tuning: Tuning | undefined;
  /** whether 3x3 convolutions may go Winograd's way: faster, and a window no longer equals the whole frame bit for bit */
  winograd = winogradAsked();
  /** whether weights of convolutions are stored in two bytes each: less memory to read, and other numbers */
  readonly float16 = float16Asked();
  /** most bytes of live buffers and textures */
  budget = memoryBudget();
  /** seconds that it may take for what it was given */
  readonly patience = patience();

  /** how many devices of one core each may share its work (team.ts); 1: it works alone */
  cores: number;
  /** those that are open: they count their bytes here, and end with this one */
  readonly members: Gpu[] = [];
  /** others that end with this one: a process that exits while a driver compiles for one of them would crash */
  readonly helpers = new Set<Gpu>();

  private constructor(
    readonly device: GPUDevice,
    readonly info: GPUAdapterInfo,
    readonly leader?: Gpu,
  ) {
    this.cores = leader ? 1 : coreDevices(this.adapter);
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault(); // Dawn would print it; it is thrown instead
      const [message] = event.error.message.split('\n');
      if (event.error instanceof GPUOutOfMemoryError)
        this.#failure ??= new OutOfMemory(`The GPU is out of memory: ${message}`);
      else this.#fail('bug', `The GPU rejected a command: ${message}`);
    });
    void device.lost.then(({ message }) => {
      if (!this.#closing) this.#fail('stopped', `The GPU was lost: ${message || 'no reason given'}.`);
    });
  }

  /** A device with all the limits and features the engine can use. Throws when there is none. */
  static open(): Promise<Gpu> {
    return Gpu.#open();
  }

  /** One more member, on a core of its own. Throws when there is none. */
  async addMember(): Promise<void> {
    const member = await Gpu.#open(this);
    this.members.push(member);
    if (this.#closing) member.close();
    this.check();
  }

  static async #open(leader?: Gpu): Promise<Gpu> {
    const adapter = await findAdapter(leader?.members.length);
    const requiredFeatures: GPUFeatureName[] = [];
    for (const feature of FEATURES) if (adapter.features.has(feature)) requiredFeatures.push(feature);
    const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
    const device = await requestDevice(adapter, { requiredFeatures, requiredLimits });
    return new Gpu(device, adapter.info, leader);
  }

  /**
   * A device with the kernels and the tuning that suit it. `kernels` overrides STREAMSCOPE_KERNELS, which overrides what
   * suits the adapter. Throws when there is none, or it cannot run them.
   */
  static async acquire(kernels?: KernelFamily): Promise<Gpu> {
    const gpu = await Gpu.open();
    try {
      const choice = await familyOf(gpu, kernels);
      gpu.kernels = choice.kernels;
      if (gpu.float16 && gpu.kernels === 'plain') throw noFloat16(gpu);
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

  #fail(exitClass: ExitClass, message: string): StreamscopeError {
    const hint = exitClass === 'bug' ? REPORT : AGAIN;
    this.#failure ??= new StreamscopeError(exitClass, message, hint);
    return this.#failure;
  }

  /** Forgets that memory ran out, once what was made meanwhile is given back. Throws any other failure. */
  async recover(): Promise<void> {
    await Promise.all(this.members.map((member) => member.recover()));
    await this.#done(this.device.queue.onSubmittedWorkDone());
    if (this.#failure instanceof OutOfMemory) this.#failure = undefined;
    this.check();
  }

  /** Waits for what was submitted, but not for ever. */
  #done<T>(promise: Promise<T>): Promise<T> {
    return within(waitFor(promise), this.patience, () => {
      this.#hangs = true;
      return this.#fail('stopped', `The GPU has not finished its work within ${this.patience} s.`);
    });
  }

  /** Throws when so many bytes more would exceed the budget. */
  #reserve(label: string, bytes: number): void {
    const { liveBytes, budget } = this.leader ?? this;
    if (liveBytes + bytes > budget) {
      throw new OutOfMemory(
        `${label} needs ${bytes} bytes beside the ${liveBytes} in use, the budget is ${budget}.`,
      );
    }
    this.#count(bytes);
  }

  #count(bytes: number): void {
    const { leader = this } = this;
    leader.liveBytes += bytes;
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
        SMALLER,
      );
    }
    const rounded = Math.max(4, Math.ceil(size / 4) * 4);
    this.#reserve(label, rounded);
    return this.device.createBuffer({ label, size: rounded, usage });
  }

  destroyBuffer(buffer: GPUBuffer): void {
    this.#count(-buffer.size);
    buffer.destroy();
  }

  /** A texture of `rows` rows of texels (op.ts). Throws above the device's limits. */
  createTexture(label: string, rows: number, type: 'f32' | 'f16' = 'f32'): GPUTexture {
    this.check();
    const limit = this.device.limits.maxTextureDimension2D;
    if (rows > limit) {
      throw new StreamscopeError(
        'unavailable',
        `${label} needs a texture of ${rows} rows, this adapter (${this.adapter}) allows ${limit}.`,
        SMALLER,
      );
    }
    const format = TEXEL_FORMAT[type];
    this.#reserve(label, bytesOf({ width: TEXELS_PER_ROW, height: rows, format }));
    return this.device.createTexture({
      label,
      size: [TEXELS_PER_ROW, rows],
      format,
      usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST,
    });
  }

  destroyTexture(texture: GPUTexture): void {
    this.#count(-bytesOf(texture));
    texture.destroy();
  }

  /** Waits until everything submitted so far is done. */
  async finish(): Promise<void> {
    await this.#done(this.device.queue.onSubmittedWorkDone());
    this.check();
  }

  /**
   * Copies bytes back to the CPU; waits for the work submitted before. Throws when other bytes arrive than the GPU
   * holds, which only buffers that kernels can read allow to tell.
   */
  async read(buffer: GPUBuffer, size = buffer.size): Promise<ArrayBuffer> {
    const whole = 4 * Math.ceil(size / 4);
    const checked = (buffer.usage & GPUBufferUsage.STORAGE) !== 0;
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    const staging = this.createBuffer(`read ${buffer.label}`, whole + 4, usage);
    const sum = this.createBuffer('checksum', 4, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC);
    try {
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, 0, staging, 0, whole);
      if (checked) encodeChecksum(this.device, encoder, buffer, whole, sum);
      encoder.copyBufferToBuffer(sum, 0, staging, whole, 4);
      this.device.queue.submit([encoder.finish()]);
      await this.#done(staging.mapAsync(GPUMapMode.READ)).catch((error: unknown) => {
        this.check();
        throw new StreamscopeError(
          'stopped',
          `Reading ${buffer.label} from the GPU failed: ${error}.`,
          AGAIN,
        );
      });
      this.check();
      const arrived = staging.getMappedRange().slice(0);
      const [expected] = new Uint32Array(arrived, whole);
      if (checked && checksumOf(new Uint32Array(arrived, 0, whole / 4)) !== expected)
        throw this.#fail('stopped', `Reading ${buffer.label} from the GPU gave other bytes than it holds.`);
      return arrived.slice(0, size);
    } finally {
      this.destroyBuffer(staging);
      this.destroyBuffer(sum);
    }
  }

  /** Destroys the device, its members and helpers, and waits for what they do. Further use throws; an open device would keep the process alive. */
  close(): void {
    for (const other of [...this.members, ...this.helpers]) {
      other.#hangs ||= this.#hangs; // it may have been given the same
      other.close();
    }
    this.#closing = true;
    this.#fail('bug', 'The GPU was closed and is used again.');
    if (!this.#hangs) this.device.destroy(); // it would wait for what does not end
  }
}

/** Four numbers to a texel, by their type. */
const TEXEL_FORMAT = { f32: 'rgba32float', f16: 'rgba16float' } as const;

export const bytesOf = ({ width, height, format }: Pick<GPUTexture, 'width' | 'height' | 'format'>): number =>
  (format === TEXEL_FORMAT.f16 ? 8 : 16) * width * height;

const noFloat16 = ({ adapter }: Gpu): StreamscopeError =>
  new StreamscopeError(
    'unavailable',
    `STREAMSCOPE_FLOAT16 is 1, but the plain kernels run on ${adapter}, and read float32 weights only.`,
    'Unset it, or set STREAMSCOPE_KERNELS=gemm.',
  );
