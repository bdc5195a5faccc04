// Grids of channels, from the pictures of a run folder: 0_distill_center.png and 0_distill_channel.png of I, B and O,
// and the photographs that excite them most, when they were collected and their folder is at hand.
// Written to RUN/grids/<block>/<channel>.png, with a small copy for the report page.

import { join } from 'node:path';
import { PNG } from 'pngjs';
import sharp from 'sharp';
import { exemplarGrid, type GridCells } from '../analysis/figures/grid.ts';
import { ROLES, type Role } from '../analysis/measurements.ts';
import type { DrawnGrid } from '../analysis/report.ts';
import { StreamscopeError } from '../error.ts';
import type { Network } from '../model/network.ts';
import { INPUT_SIZE, type Pixels } from '../model/preprocess.ts';
import { findTap, type Tap } from '../model/taps.ts';
import type { ObjectiveKind } from '../visualization/ascend.ts';
import { encodePng } from '../visualization/png.ts';
import { type Collected, readCollected, readPlace } from './collected.ts';
import { readIfPresent, writeAtomically } from './files.ts';
import { preparedImage } from './photographs.ts';
import { pathsOf } from './runFolder.ts';

export interface GridSources {
  run: string;
  network: Network;
  /** folder of the photographs; absent: grids without them */
  images?: string;
}

/** Pixels across of the copy inside the page, and its quality: some 20 kB each. */
const PREVIEW = { width: 400, quality: 66 };

/**
 * The grids of `channels` (by block) that have at least one picture, with copies for the page of those that it shows.
 * Throws for pictures that cannot be read.
 */
export async function drawGrids(
  sources: GridSources,
  channels: ReadonlyMap<string, readonly number[]>,
  shown: ReadonlyMap<string, readonly number[]>,
): Promise<DrawnGrid[]> {
  const collected = sources.images ? await readCollected(sources.run, sources.network) : undefined;
  const grids: DrawnGrid[] = [];
  for (const [block, list] of channels) {
    const taps = ROLES.map((role) => [role, findTap(sources.network, `${block}.${role}`)] as const);
    const tops = new Map<Role, number[][]>();
    if (collected)
      for (const [role, { place }] of taps)
        if (place in collected.places)
          tops.set(role, (await readPlace(sources.run, sources.network, place)).top);
    for (const channel of list) {
      const cells = await cellsOf(sources, taps, channel, collected, tops);
      const drawn = await drawGrid(sources.run, block, channel, cells);
      if (!drawn) continue;
      const preview = shown.get(block)?.includes(channel) ? await previewOf(drawn.pixels) : undefined;
      grids.push({ ...drawn.grid, preview });
    }
  }
  return grids;
}

async function cellsOf(
  { run, network, images }: GridSources,
  taps: readonly (readonly [Role, Tap])[],
  channel: number,
  collected: Collected | undefined,
  tops: ReadonlyMap<Role, number[][]>,
): Promise<GridCells> {
  const cells = { center: {}, channel: {}, photographs: {} } as Required<GridCells>;
  const picture = (tap: Tap, objective: ObjectiveKind) =>
    readPicture(pathsOf(run, network.name, { unit: { tap, channel }, objective, index: 0 }).png);
  for (const [role, tap] of taps) {
    cells.center[role] = await picture(tap, 'center');
    cells.channel[role] = await picture(tap, 'channel');
    const top = tops.get(role)?.[channel];
    if (top && collected && images)
      cells.photographs[role] = await Promise.all(
        top.map(async (image) => ({
          height: INPUT_SIZE,
          width: INPUT_SIZE,
          data: await preparedImage(images, collected.images[image]),
        })),
      );
  }
  return cells;
}

async function readPicture(path: string): Promise<Pixels | undefined> {
  const bytes = await readIfPresent(path);
  if (!bytes) return undefined;
  try {
    const { height, width, data } = PNG.sync.read(Buffer.from(bytes));
    return {
      height,
      width,
      data: Uint8Array.from({ length: 3 * height * width }, (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)]),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StreamscopeError(
      'badInput',
      `${path} is not a picture: ${reason}.`,
      'Make it anew with visualize --overwrite.',
    );
  }
}

/** The grid as a picture, written; undefined when there is nothing to show. */
async function drawGrid(
  run: string,
  block: string,
  channel: number,
  cells: GridCells,
): Promise<{ grid: DrawnGrid; pixels: Pixels } | undefined> {
  const pictures = [cells.center, cells.channel, cells.photographs].flatMap((row) => Object.values(row));
  if (pictures.every((picture) => picture === undefined)) return undefined;
  const { pixels, rows } = exemplarGrid(cells);
  const file = `grids/${block}/${channel}.png`;
  await writeAtomically(join(run, file), encodePng(pixels.data, pixels.height, pixels.width));
  return { grid: { block, channel, rows, file }, pixels };
}

async function previewOf({ height, width, data }: Pixels): Promise<string> {
  const webp = await sharp(data, { raw: { height, width, channels: 3 } })
    .resize(PREVIEW.width)
    .webp({ quality: PREVIEW.quality })
    .toBuffer();
  return `data:image/webp;base64,${webp.toString('base64')}`;
}
