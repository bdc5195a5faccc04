// streamscope doctor: which adapter, what it allows, and whether it computes.

import { Gpu } from '../engine/device.ts';
import { KERNEL_FAMILIES } from '../engine/kernelFamily.ts';
import { type SelfTest, selfTest } from '../engine/selfTest.ts';
import { describeTuning } from '../engine/tuning.ts';
import { StreamscopeError } from '../error.ts';
import { version } from './version.ts';

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
  'maxComputeWorkgroupStorageSize',
  'maxStorageBuffersPerShaderStage',
] as const;

export interface DoctorOptions {
  json?: boolean;
  quiet?: boolean;
}

/** Throws when there is no adapter (69) or it computes wrong numbers (70). */
export async function doctor({ json, quiet }: DoctorOptions): Promise<void> {
  const gpu = await Gpu.acquire();
  try {
    const test = await selfTest(gpu);
    if (json) console.log(JSON.stringify(facts(gpu, test)));
    else if (quiet) console.log(gpu.adapter);
    else print(gpu, test);
    if (!test.passed) {
      throw new StreamscopeError(
        'bug',
        `${gpu.adapter} computes wrong numbers: error ${test.error.toExponential(1)}, bound ${test.bound}.`,
        'Update its driver, or choose another adapter with STREAMSCOPE_ADAPTER.',
      );
    }
  } finally {
    gpu.close();
  }
}

function facts(gpu: Gpu, test: SelfTest) {
  const { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize } = gpu.info;
  return {
    streamscope: version,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    adapter: {
      vendor,
      architecture,
      device,
      description,
      subgroupMinSize,
      subgroupMaxSize,
      software: gpu.isSoftware,
    },
    cores: gpu.cores,
    kernels: gpu.kernels,
    weights: gpu.float16 ? 'float16' : 'float32',
    tuning: describeTuning(gpu),
    limits: Object.fromEntries(LIMITS.map((name) => [name, gpu.device.limits[name]])),
    features: [...gpu.device.features].sort(),
    selfTest: test,
  };
}

function print(gpu: Gpu, test: SelfTest): void {
  const { node, platform, adapter, cores, kernels, weights, tuning, limits, features } = facts(gpu, test);
  const line = (label: string, value: unknown) => console.log(`${label.padEnd(36)} ${value}`);
  line('streamscope', version);
  line('node', `${node}, ${platform}`);
  line('adapter', `${gpu.adapter}${adapter.software ? ' (computes on the CPU)' : ''}`);
  line(
    'vendor, architecture',
    [adapter.vendor, adapter.architecture].filter(Boolean).join(', ') || 'not given',
  );
  line('devices', cores > 1 ? `${cores} of one core each share a batch (STREAMSCOPE_CORES)` : 'one');
  line('kernels', `${kernels} (STREAMSCOPE_KERNELS=${KERNEL_FAMILIES.join(' or ')} chooses)`);
  line('weights of convolutions', `${weights} (STREAMSCOPE_FLOAT16=1 stores them in two bytes each)`);
  line('tuning', tuning);
  for (const [name, value] of Object.entries(limits)) line(name, value);
  line('features', features.join(', ') || 'none');
  const verdict = test.passed ? 'passed' : 'FAILED';
  line(
    'self-test',
    `${verdict}: error ${test.error.toExponential(1)}, bound ${test.bound}, ${test.milliseconds.toFixed(0)} ms`,
  );
}
