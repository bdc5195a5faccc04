// The statistics of the study: Spearman's rank correlation, one-way analysis of variance, mean and standard error.
//
//   rho = Pearson's correlation of ranks, ties by their average    p = I(1 - rho^2; (n-2)/2, 1/2)
//   F = (between / (k-1)) / (within / (n-k))                       p = I(d2 / (d2 + d1 F); d2/2, d1/2)
//
// with I the regularised incomplete beta function: the tail itself, never 1 - cdf, so that p keeps its digits down to
// 1e-300. Policy: a value that is not finite is left out and counted (`leftOut`), pairs whole; what is not defined
// (too few values, a constant) is null, never NaN. Agrees with SciPy's spearmanr, f_oneway and sem to 1e-9.

import betainc from '@stdlib/math-base-special-betainc';
import { StreamscopeError } from '../error.ts';

export interface Correlation {
  /** null: fewer than two pairs, or one side constant */
  rho: number | null;
  /** two-sided; null where rho is, and for two pairs */
  p: number | null;
  /** pairs used and pairs left out because one side was not finite */
  n: number;
  leftOut: number;
}

export interface Summary {
  /** null: no value */
  mean: number | null;
  /** with n - 1 in the denominator; null: fewer than two values */
  deviation: number | null;
  /** deviation / sqrt(n) */
  standardError: number | null;
  n: number;
  leftOut: number;
}

export interface Variance {
  /** Infinity: groups differ, nothing varies within; null: nothing varies, or no degrees of freedom */
  F: number | null;
  p: number | null;
  groups: Summary[];
}

/** Ranks from 1; equal values share the average of their ranks. Throws for values that are not finite. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const order = Uint32Array.from({ length: values.length }, (_, i) => i);
  for (const i of order)
    if (!Number.isFinite(values[i])) throw new StreamscopeError('bug', `ranks: value ${i} is ${values[i]}.`);
  order.sort((a, b) => values[a] - values[b]);
  const ranked = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let i = start; i < end; i++) ranked[order[i]] = (start + 1 + end) / 2;
    start = end;
  }
  return ranked;
}

/** Spearman's rho of pairs (x[i], y[i]). */
export function spearman(x: ArrayLike<number>, y: ArrayLike<number>): Correlation {
  if (x.length !== y.length)
    throw new StreamscopeError('bug', `spearman: ${x.length} and ${y.length} values, expected pairs.`);
  const pairs = Array.from(x, (_, i) => i).filter((i) => Number.isFinite(x[i]) && Number.isFinite(y[i]));
  const n = pairs.length;
  const facts = { n, leftOut: x.length - n };
  const a = ranks(pairs.map((i) => x[i]));
  const b = ranks(pairs.map((i) => y[i]));
  const middle = (n + 1) / 2;
  let [aa, bb, ab] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    aa += (a[i] - middle) ** 2;
    bb += (b[i] - middle) ** 2;
    ab += (a[i] - middle) * (b[i] - middle);
  }
  if (aa === 0 || bb === 0) return { rho: null, p: null, ...facts };
  // ranks are halves, so the sums are exact; the root of a product that is a square is exact, too: rho reaches 1
  const rho = ab / Math.sqrt(aa * bb);
  const degrees = n - 2;
  const p = degrees > 0 ? betaTail((1 - rho) * (1 + rho), rho * rho, degrees / 2, 1 / 2) : null;
  return { rho, p, ...facts };
}

/**
 * I(x; a, b) where y = 1 - x is known to more digits than subtraction would leave: whichever of the two is small
 * decides which tail is computed.
 */
function betaTail(x: number, y: number, a: number, b: number): number {
  return x <= 1 / 2 ? betainc(x, a, b) : betainc(y, b, a, true, true);
}

/** Mean, deviation and standard error of the finite values. */
export function summarize(values: ArrayLike<number>): Summary {
  const finite = Array.from(values).filter(Number.isFinite);
  const n = finite.length;
  const facts = { n, leftOut: values.length - n };
  if (n === 0) return { mean: null, deviation: null, standardError: null, ...facts };
  const mean = sumOf(finite) / n;
  if (n === 1) return { mean, deviation: null, standardError: null, ...facts };
  const deviation = Math.sqrt(sumOfSquares(finite, mean) / (n - 1));
  return { mean, deviation, standardError: deviation / Math.sqrt(n), ...facts };
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const sumOfSquares = (values: readonly number[], centre: number): number =>
  values.reduce((sum, value) => sum + (value - centre) ** 2, 0);

/** One-way analysis of variance of two or more groups. */
export function anova(...groups: readonly ArrayLike<number>[]): Variance {
  const finite = groups.map((group) => Array.from(group).filter(Number.isFinite));
  const summaries = groups.map(summarize);
  const undefinedHere: Variance = { F: null, p: null, groups: summaries };
  const all = finite.flat();
  const between = groups.length - 1;
  const within = all.length - groups.length;
  if (between < 1 || within < 1 || finite.some(({ length }) => length === 0)) return undefinedHere;
  if (all.every((value) => value === all[0])) return undefinedHere;
  const constant = finite.every((group) => group.every((value) => value === group[0]));
  if (constant) return { F: Number.POSITIVE_INFINITY, p: 0, groups: summaries };
  // about the grand mean, so that a common offset costs no digits
  const grandMean = sumOf(all) / all.length;
  const centred = finite.map((group) => group.map((value) => value - grandMean));
  const means = centred.map((group) => sumOf(group) / group.length);
  const rest = sumOf(centred.flat()) / all.length;
  const sumBetween = sumOf(means.map((mean, i) => centred[i].length * (mean - rest) ** 2));
  const sumWithin = sumOf(centred.map((group, i) => sumOfSquares(group, means[i])));
  const F = sumBetween / between / (sumWithin / within);
  const total = sumWithin + sumBetween;
  return {
    F,
    p: betaTail(sumWithin / total, sumBetween / total, within / 2, between / 2),
    groups: summaries,
  };
}
