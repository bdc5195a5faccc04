// The file of tunings: which tiles were the fastest on which adapter, by which version of the kernels.
//
//   { "tunings": [ { "streamscope": "0.1.0", "adapter": { vendor, architecture, device, description },
//                    "tiles": { large, small, few, wanted, unroll } } ] }
//
// The first entry that fits is taken. An entry without a version, or without an adapter, fits any: so that one may be
// written by hand. Adapters state their driver and its version in `description`.

import * as v from 'valibot';
import { version } from '../../package.json';
import { LARGE_TILES, TILES, type TileName, type TileRule } from '../kernels/gemmTiling.ts';

/** The tiles of an adapter, and whether its compiler is to unroll the inner loop. */
export interface AdapterTiles extends TileRule {
  unroll: boolean;
}

const TILE_NAMES = Object.keys(TILES) as TileName[];
/** More workgroups than any adapter needs, and few enough for one dispatch in the smallest tiles. */
const MOST_WANTED = 4096;

const tilesSchema: v.GenericSchema<unknown, AdapterTiles> = v.strictObject({
  large: v.picklist(LARGE_TILES),
  small: v.picklist(TILE_NAMES),
  few: v.picklist(TILE_NAMES),
  wanted: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MOST_WANTED)),
  unroll: v.boolean(),
});

const adapterSchema = v.object({
  vendor: v.string(),
  architecture: v.string(),
  device: v.string(),
  description: v.string(),
});
export type AdapterKey = v.InferOutput<typeof adapterSchema>;

/** Tiles are checked in the entry that fits only: other versions may have others. */
const fileSchema = v.object({
  tunings: v.array(
    v.object({
      streamscope: v.optional(v.string()),
      adapter: v.optional(adapterSchema),
      tiles: v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])),
    }),
  ),
});
export type Entry = v.InferOutput<typeof fileSchema>['tunings'][number];

/** The entries of a file. Throws, with what is wrong as its message, when it is no such file. */
export function entriesOf(text: string): Entry[] {
  return parse(v.pipe(v.string(), v.parseJson(), fileSchema), text).tunings;
}

function parse<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const { success, output, issues } = v.safeParse(schema, value);
  if (success) return output;
  const path = v.getDotPath(issues[0]);
  throw new Error(path ? `${path}: ${issues[0].message}` : issues[0].message);
}

const KEYS = ['vendor', 'architecture', 'device', 'description'] as const;
const isSame = (a: AdapterKey, b: AdapterKey): boolean => KEYS.every((key) => a[key] === b[key]);

/** The tiles that a file has for an adapter, if it has any. Throws, with what is wrong as its message. */
export function tilesIn(text: string, adapter: AdapterKey): AdapterTiles | undefined {
  const fitting = entriesOf(text).find(
    (entry) =>
      (entry.streamscope ?? version) === version && (!entry.adapter || isSame(entry.adapter, adapter)),
  );
  return fitting && parse(tilesSchema, fitting.tiles);
}

/** The text of a file with an adapter's tiles before the entries that are not this adapter's. */
export function withTiles(entries: readonly Entry[], adapter: AdapterKey, tiles: AdapterTiles): string {
  const { vendor, architecture, device, description } = adapter;
  const own = { streamscope: version, adapter: { vendor, architecture, device, description }, tiles };
  const others = entries.filter((entry) => !entry.adapter || !isSame(entry.adapter, adapter));
  return `${JSON.stringify({ tunings: [own, ...others] }, null, 2)}\n`;
}
