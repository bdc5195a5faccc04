// From the times of tiles to the rule that is to choose among them: of all rules the one with the least geometric mean
// of the times of the products, each in the tile that the rule gives it.

import { LARGE_TILES, TILES, type TileName, tileNameOf } from '../kernels/gemmTiling.ts';
import type { TimedProduct } from './tuner.ts';
import type { AdapterTiles } from './tuningFile.ts';

/** Less than this is not worth leaving the guess for: times are noisy. */
const LEAST_GAIN = 1.02;
const WANTED = [16, 32, 64, 128, 256, 512, 1024];

export interface TileChoice {
  tiles: AdapterTiles;
  /** how many times as fast as the guess, by the geometric mean over the products */
  gain: number;
}

/** The tiles for what was timed: the guess, unless others are faster. */
export function chooseTiles(products: readonly TimedProduct[], guess: AdapterTiles): TileChoice {
  const costOf = costsOf(products);
  const guessed = costOf(guess);
  let [best, least] = [guess, guessed];
  for (const tiles of rulesAround(guess)) {
    const cost = costOf(tiles);
    if (cost < least) [best, least] = [tiles, cost];
  }
  const gain = Math.exp((guessed - least) / Math.max(1, products.length));
  return gain >= LEAST_GAIN ? { tiles: best, gain } : { tiles: guess, gain: 1 };
}

/** The sum of the logarithms of the times under a rule; infinite where it uses a tile that was not right everywhere. */
function costsOf(products: readonly TimedProduct[]): (tiles: AdapterTiles) => number {
  const key = (tile: TileName, unroll: boolean) => `${tile} ${unroll}`;
  const logs = products.map(
    ({ times }) => new Map(times.map(({ tile, unroll, ms }) => [key(tile, unroll), logOf(ms)])),
  );
  const wrong = new Set(logs.flatMap((log) => [...log].filter(([, ms]) => ms === Infinity).map(([k]) => k)));
  return (tiles) =>
    products.reduce((sum, { product, split }, i) => {
      const used = key(tileNameOf(product, split, tiles), tiles.unroll);
      return sum + (wrong.has(used) ? Infinity : (logs[i].get(used) ?? Infinity));
    }, 0);
}

/** A clock that stands still gives no reason to choose. */
const logOf = (ms: number | undefined): number =>
  ms === undefined ? Infinity : Math.log(Math.max(ms, 1e-6));

const areaOf = (name: TileName): number => TILES[name].tile[0] * TILES[name].tile[1];

/** All rules, those that share most with the guess first: of equals the first is taken. */
function* rulesAround(guess: AdapterTiles): Generator<AdapterTiles> {
  const names = Object.keys(TILES) as TileName[];
  const guessFirst = <T>(own: T, all: readonly T[]): T[] => [own, ...all.filter((one) => one !== own)];
  for (const unroll of guessFirst(guess.unroll, [true, false]))
    for (const wanted of guessFirst(guess.wanted, WANTED))
      for (const few of guessFirst(guess.few, names))
        for (const large of guessFirst(guess.large, LARGE_TILES))
          for (const small of guessFirst(guess.small, names))
            if (areaOf(small) <= areaOf(large)) yield { large, small, few, wanted, unroll };
}
