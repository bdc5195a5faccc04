// How products of matrices are cut into workgroups on a device (kernels/gemmTiling.ts). The table says how many
// workgroups keep an adapter of a kind busy: a few per core. WebGPU does not say how many cores there are, and none
// of these numbers was measured on a GPU.

import { chooseTiling, type Product, type Tiling } from '../kernels/gemmTiling.ts';
import type { Gpu } from './device.ts';

/** By the adapter's vendor, as WebGPU spells it. */
const WORKGROUPS_WANTED: Readonly<Record<string, number>> = {
  nvidia: 256,
  amd: 192,
  apple: 64,
  intel: 64,
};
const OF_OTHERS = 64;
/** A software adapter has a few cores. */
const OF_SOFTWARE = 8;

/** Workgroups that keep this adapter busy. */
export const workgroupsWanted = ({ info, isSoftware }: Pick<Gpu, 'info' | 'isSoftware'>): number =>
  isSoftware ? OF_SOFTWARE : (WORKGROUPS_WANTED[info.vendor.toLowerCase()] ?? OF_OTHERS);

/** The tiling of products on this device. */
export function tilingFor(gpu: Pick<Gpu, 'info' | 'isSoftware'>): (product: Product) => Tiling {
  const wanted = workgroupsWanted(gpu);
  return (product) => chooseTiling(product, wanted, !gpu.isSoftware);
}
