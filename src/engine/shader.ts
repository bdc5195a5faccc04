// From WGSL text to pipelines. The declarations in the text are the only list of bindings: their names, numbers
// and access are read from it. Layouts are built from the bindings a pass names, not inferred by the compiler,
// which would drop unused ones and then complain about numbers instead of names.

import { debugLevel } from '#gpu';
import { StreamscopeError } from '../error.ts';
import type { Pass } from '../kernels/op.ts';
import { type Gpu, REPORT } from './device.ts';

export interface Binding {
  binding: number;
  type: 'read-only-storage' | 'storage' | 'texture';
  /** of a texture */
  format?: GPUTextureFormat;
}

const DECLARATION =
  /@group\(0\)\s*@binding\((\d+)\)\s*var(?:<storage,\s*(read|read_write)>)?\s*(\w+)(?:\s*:\s*texture_storage_2d<(\w+))?/g;

/** Bindings by name, read from the declarations of a .wgsl file. */
export function bindingsOf(source: string): Record<string, Binding> {
  const bindings: Record<string, Binding> = {};
  for (const [, number, access, name, format] of source.matchAll(DECLARATION)) {
    const type = { read: 'read-only-storage', read_write: 'storage' } as const;
    bindings[name] = {
      binding: Number(number),
      type: access ? type[access as keyof typeof type] : 'texture',
      ...(format && { format: format as GPUTextureFormat }),
    };
  }
  return bindings;
}

/** Names of the overrides a .wgsl file declares. */
const overridesOf = (source: string): string[] =>
  [...source.matchAll(/^override\s+(\w+)/gm)].map(([, name]) => name);

/** The pipeline of a pass with these constants; made once per device. */
export function pipelineFor(
  gpu: Gpu,
  label: string,
  source: string,
  pass: Pass,
  constants: Record<string, number>,
): Promise<GPUComputePipeline> {
  const declared = new Set(overridesOf(source));
  const used = Object.fromEntries(Object.entries(constants).filter(([name]) => declared.has(name)));
  const key = JSON.stringify([source, pass.entryPoint, pass.bindings, used]);
  const known = gpu.pipelines.get(key);
  if (known) return known;
  const made = createPipeline(gpu, label, source, pass, used);
  gpu.pipelines.set(key, made);
  made.catch(() => gpu.pipelines.delete(key)); // thrown where it is awaited
  return made;
}

/** What a pass binds, by name and declaration, for its pipeline. */
export function bindGroupFor(
  { device }: Gpu,
  { label, source, pass }: { label: string; source: string; pass: Pass },
  pipeline: GPUComputePipeline,
  resourceOf: (name: string, binding: Binding) => GPUBindingResource,
): GPUBindGroup {
  const declared = bindingsOf(source);
  return device.createBindGroup({
    label,
    layout: pipeline.getBindGroupLayout(0),
    entries: pass.bindings.map((name) => ({
      binding: declared[name].binding,
      resource: resourceOf(name, declared[name]),
    })),
  });
}

/** Throws when a kernel binds more than the adapter allows. */
function requireBindings(
  { device, adapter }: Gpu,
  name: string,
  entries: readonly GPUBindGroupLayoutEntry[],
): void {
  const { maxStorageBuffersPerShaderStage, maxStorageTexturesPerShaderStage } = device.limits;
  const buffers = entries.filter(({ buffer }) => buffer).length;
  const textures = entries.length - buffers;
  if (buffers <= maxStorageBuffersPerShaderStage && textures <= maxStorageTexturesPerShaderStage) return;
  throw new StreamscopeError(
    'unavailable',
    `${name} binds ${buffers} buffers and ${textures} textures, this adapter (${adapter}) allows ${maxStorageBuffersPerShaderStage} and ${maxStorageTexturesPerShaderStage}.`,
    'STREAMSCOPE_ADAPTER chooses another adapter.',
  );
}

async function createPipeline(
  gpu: Gpu,
  label: string,
  source: string,
  { entryPoint, bindings }: Pass,
  constants: Record<string, number>,
): Promise<GPUComputePipeline> {
  const { device } = gpu;
  const name = `${label.split('.')[0]}.wgsl:${entryPoint}`;
  if (debugLevel >= 3) console.error(`--- ${name} ${JSON.stringify(constants)}\n${source}`);
  const declared = bindingsOf(source);
  const entries = bindings.map((variable) => {
    if (!declared[variable]) throw new StreamscopeError('bug', `${name}: ${variable} is not declared.`);
    const { binding, type, format } = declared[variable];
    const visibility = GPUShaderStage.COMPUTE;
    return type === 'texture'
      ? { binding, visibility, storageTexture: { access: 'read-only' as const, format: format! } }
      : { binding, visibility, buffer: { type } };
  });
  requireBindings(gpu, name, entries);
  const layout = device.createPipelineLayout({
    label: name,
    bindGroupLayouts: [device.createBindGroupLayout({ label: name, entries })],
  });
  device.pushErrorScope('validation'); // what is wrong with the text is said below, with its line
  const module = device.createShaderModule({ label: name, code: source });
  void device.popErrorScope();
  try {
    return await device.createComputePipelineAsync({
      label: name,
      layout,
      compute: { module, entryPoint, constants },
    });
  } catch (error) {
    const { messages } = await module.getCompilationInfo();
    const text = messages
      .map(({ lineNum, linePos, message }) => `${lineNum}:${linePos} ${message}`)
      .join('; ');
    const [reason] = (text || String(error)).split('\n');
    throw new StreamscopeError('bug', `${name} does not compile: ${reason}`, REPORT);
  }
}
