// Which of three families of kernels computes the network. All give the same numbers; model/layers.ts records them.
//   plain   one op after the other, as the equations say: runs anywhere, and is what the others are compared with
//   simd    for adapters that run a subgroup as one SIMD vector of known size (software adapters)
//   gemm    products of matrices in tiles, for real GPUs; correct on any adapter
// STREAMSCOPE_KERNELS asks for one of them. The SIMD family's results depend on the size of a subgroup, which an
// adapter may state wrongly (a driver's cache may hold code of another size), so it is measured once per device.

import { kernelsAsked } from '#gpu';
import { StreamscopeError } from '../error.ts';
import type { Gpu } from './device.ts';
import { measureLanes } from './subgroups.ts';

export const KERNEL_FAMILIES = ['plain', 'simd', 'gemm'] as const;
export type KernelFamily = (typeof KERNEL_FAMILIES)[number];

/** A family by its name; undefined for nothing. Throws for other names. */
export function parseFamily(name: string | undefined): KernelFamily | undefined {
  if (!name) return undefined;
  const found = KERNEL_FAMILIES.find((family) => family === name);
  if (!found)
    throw new StreamscopeError(
      'usage',
      `STREAMSCOPE_KERNELS is ${JSON.stringify(name)}, expected ${KERNEL_FAMILIES.join(', ')}.`,
      'Unset it to let the adapter decide.',
    );
  return found;
}

/** What a family is chosen by. `stated` is the adapter's one size of subgroups, `measured` what a kernel saw. */
export interface AdapterFacts {
  adapter: string;
  isSoftware: boolean;
  stated: number | undefined;
  measured: number | undefined;
}

export interface Choice {
  kernels: KernelFamily;
  /** why it is not what this kind of adapter should have */
  warning?: string;
}

/** The family for an adapter, or the one asked for. Throws when that cannot run. */
export function chooseFamily(
  { adapter, isSoftware, stated, measured }: AdapterFacts,
  asked?: KernelFamily,
): Choice {
  const works = stated !== undefined && measured === stated;
  const fault =
    stated === undefined
      ? `${adapter} has no subgroups of one size up to ${MAX_LANES}`
      : `${adapter} states subgroups of ${stated}, a kernel found ${measured ?? 'no regular ones'}`;
  if (asked === 'simd' && !works)
    throw new StreamscopeError(
      'unavailable',
      `STREAMSCOPE_KERNELS is simd, but ${fault}.`,
      'Choose plain or gemm, or unset it; if the adapter is Mesa, empty its shader cache.',
    );
  if (asked) return { kernels: asked };
  if (!isSoftware) return { kernels: 'gemm' };
  if (works) return { kernels: 'simd' };
  return { kernels: 'plain', ...(stated !== undefined && { warning: `${fault}: the plain kernels run.` }) };
}

/** Larger subgroups are no SIMD vectors of a CPU. */
const MAX_LANES = 16;

/** The size of subgroups that the adapter promises, where kernels written for one size could use it. */
export function statedLanes({ info, device }: Pick<Gpu, 'info' | 'device'>): number | undefined {
  const { subgroupMinSize, subgroupMaxSize } = info;
  const one = device.features.has('subgroups') && subgroupMinSize === subgroupMaxSize;
  return one && subgroupMaxSize <= MAX_LANES ? subgroupMaxSize : undefined;
}

/** Chooses for a device; runs a kernel on it where subgroups matter. */
export async function familyOf(gpu: Gpu, asked = parseFamily(kernelsAsked)): Promise<Choice> {
  const { adapter, isSoftware } = gpu;
  const stated = statedLanes(gpu);
  const matters = stated !== undefined && (asked === 'simd' || (asked === undefined && isSoftware));
  const measured = matters ? await measureLanes(gpu, stated) : undefined;
  return chooseFamily({ adapter, isSoftware, stated, measured }, asked);
}
