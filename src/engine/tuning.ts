// How products of matrices are cut into workgroups on a device (kernels/gemmTiling.ts). The table says how many
// workgroups keep an adapter of a kind busy: a few per core. WebGPU does not say how many cores there are, and none
// of these numbers was measured on a GPU. `streamscope tune` measures tiles on the adapter at hand and keeps its choice
// in a file (tuningFile.ts), which goes before the guess. In how many parts sums are made follows from the table alone:
// parts decide bytes, and a run is to have the same bytes before and after.

import { readTuning } from '#gpu';
import { chooseTiling, guessedRule, type Product, type Tiling } from '../kernels/gemmTiling.ts';
import type { Gpu } from './device.ts';
import { type AdapterTiles, tilesIn } from './tuningFile.ts';

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

type Adapter = Pick<Gpu, 'info' | 'isSoftware'>;

/** Workgroups that keep this adapter busy. */
export const workgroupsWanted = ({ info, isSoftware }: Adapter): number =>
  isSoftware ? OF_SOFTWARE : (WORKGROUPS_WANTED[info.vendor.toLowerCase()] ?? OF_OTHERS);

/** The tiles of an adapter that nobody has measured. */
export const guessedTiles = (gpu: Adapter): AdapterTiles => ({
  ...guessedRule(workgroupsWanted(gpu)),
  unroll: !gpu.isSoftware,
});

/** The tiling of products on this device, with these tiles. */
export function tilingBy(gpu: Adapter, tiles: AdapterTiles): (product: Product) => Tiling {
  const wanted = workgroupsWanted(gpu);
  return (product) => chooseTiling(product, wanted, tiles.unroll, tiles);
}

/** The tiling of products on this device. */
export const tilingFor = (gpu: Adapter & Pick<Gpu, 'tuning'>): ((product: Product) => Tiling) =>
  tilingBy(gpu, gpu.tuning?.tiles ?? guessedTiles(gpu));

/** What was measured on an adapter, and the file that says so. */
export interface Tuning {
  tiles: AdapterTiles;
  file: string;
}

/** The stored tuning of a device whose kernels have tiles. Whatever is wrong with the file is a warning. */
export function loadTuning({ info, kernels }: Pick<Gpu, 'info' | 'kernels'>): {
  tuning?: Tuning;
  warning?: string;
} {
  const stored = kernels === 'gemm' ? readTuning() : undefined;
  if (!stored) return {};
  const { file, named, text, fault } = stored;
  const ignored = (why: string) => ({ warning: `the tuning in ${file} is ignored: ${why}.` });
  if (fault) return ignored(fault);
  if (text === undefined) return {};
  try {
    const tiles = tilesIn(text, info);
    if (tiles) return { tuning: { tiles, file } };
    return named ? ignored('it has none for this adapter and version') : {};
  } catch (error) {
    return ignored((error as Error).message);
  }
}

/** What is in effect, in words. */
export function describeTuning(gpu: Adapter & Pick<Gpu, 'kernels' | 'tuning'>): string {
  if (gpu.kernels !== 'gemm') return `none: the ${gpu.kernels} kernels have no tiles to choose`;
  if (gpu.tuning) return `tuned, by ${gpu.tuning.file}: ${describeTiles(gpu.tuning.tiles)}`;
  const kind = gpu.isSoftware ? 'software adapters' : `vendor ${gpu.info.vendor || 'unknown'}`;
  return `guess for ${kind} (streamscope tune measures): ${describeTiles(guessedTiles(gpu))}`;
}

export const describeTiles = ({ large, small, few, wanted, unroll }: AdapterTiles): string =>
  `${large} from ${wanted} workgroups, else ${small}; ${few} for few outputs; ${unroll ? 'unrolled' : 'rolled'}`;
