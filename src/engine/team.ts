// Several devices that share work. A software driver runs a dispatch on all cores: it cuts it in pieces, wakes a thread for
// each core and waits for the last of them, some fifty times a step. Where each core has a device of its own, which
// computes on the thread of its queue, nothing waits for anything. One device alone still serves what cannot be shared.

import type { Gpu } from './device.ts';

/** Teams that are being opened: they are opened once. */
const opening = new WeakMap<Gpu, Promise<void>>();

/** The devices among which `gpu` shares `pieces` of work: itself where sharing gains nothing. Throws when one cannot be had. */
export async function teamOf(gpu: Gpu, pieces: number): Promise<readonly Gpu[]> {
  if (Math.min(gpu.cores, pieces) < 2) return [gpu];
  let opened = opening.get(gpu);
  if (!opened) {
    opened = fill(gpu);
    opening.set(gpu, opened);
  }
  await opened;
  for (const member of gpu.members) {
    member.kernels = gpu.kernels;
    member.tuning = gpu.tuning;
    member.winograd = gpu.winograd;
  }
  return gpu.members.slice(0, pieces);
}

/** One after the other: an instance of the driver reads its environment when it is opened. */
async function fill(gpu: Gpu): Promise<void> {
  while (gpu.members.length < gpu.cores) await gpu.addMember();
}

/** `items` in as many runs as there are `parts`, in order, none more than one item longer than another. */
export function deal<T>(items: readonly T[], parts: number): T[][] {
  const bound = (part: number) => Math.floor((part * items.length) / parts);
  return Array.from({ length: parts }, (_, part) => items.slice(bound(part), bound(part + 1)));
}
