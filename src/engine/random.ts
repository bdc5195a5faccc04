// Random numbers as functions of a counter: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers:
// as easy as 1, 2, 3", SC 2011). There is no state: number i of a stream is a function of (seed, stream, i), so a
// unit's draws depend on nothing but its own name, its seed and the step.

const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const;
const WEYL = [0x9e3779b9, 0xbb67ae85] as const;

/** The high word of a 32 x 32 bit product, from products of half words, which doubles hold exactly. */
function highWord(a: number, b: number): number {
  const [a1, a0, b1, b0] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(((middle & 0xffff) + a0 * b1) / 0x10000)) >>> 0;
}

/** Ten rounds of Philox: four 32-bit words from a counter of four and a key of two. */
export function philox(counter: readonly number[], key: readonly number[]): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = [highWord(MULTIPLIERS[0], c0), Math.imul(MULTIPLIERS[0], c0)];
    const [high1, low1] = [highWord(MULTIPLIERS[1], c2), Math.imul(MULTIPLIERS[1], c2)];
    [c0, c1, c2, c3] = [high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0];
    k0 = (k0 + WEYL[0]) | 0;
    k1 = (k1 + WEYL[1]) | 0;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

/** 32-bit FNV-1a of a name: which stream a unit draws from. */
export function streamOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** What a stream is used for; part of the counter, so that uses never share numbers. */
export const PURPOSE = { spectrum: 0, transforms: 1, test: 2, weights: 3, shapes: 4, noise: 5 } as const;

export interface RandomSource {
  seed: number;
  /** from streamOf */
  stream: number;
  purpose: number;
}

const wordsAt = ({ seed, stream, purpose }: RandomSource, index: number) =>
  philox([index, Math.floor(index / 2 ** 32), stream, purpose], [seed, Math.floor(seed / 2 ** 32)]);

/** Four whole numbers, number i uniform on 0..sizes[i]-1: the draws of step `index`. At most four sizes per call. */
export function draws(source: RandomSource, index: number, sizes: readonly number[]): number[] {
  const words = wordsAt(source, index);
  return sizes.map((size, i) => Math.floor((words[i] / 2 ** 32) * size));
}

/** `count` normal deviates (Box-Muller), rounded to float32. */
export function normals(source: RandomSource, count: number, deviation = 1): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 4) {
    const words = wordsAt(source, i / 4);
    for (let pair = 0; pair < 4; pair += 2) {
      const radius = Math.sqrt(-2 * Math.log((words[pair] + 1) / 2 ** 32)) * deviation;
      const angle = (2 * Math.PI * words[pair + 1]) / 2 ** 32;
      if (i + pair < count) values[i + pair] = radius * Math.cos(angle);
      if (i + pair + 1 < count) values[i + pair + 1] = radius * Math.sin(angle);
    }
  }
  return values;
}
