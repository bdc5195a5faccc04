// Numbers as people read them.

/** "0.123", "-4.56", "1.2e-7"; "n/a" for null. */
export function short(value: number | null | undefined): string {
  if (value === null || value === undefined) return 'n/a';
  if (!Number.isFinite(value)) return value > 0 ? 'infinite' : String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1);
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(size >= 1 ? 2 : 3);
}

/** p of a test; what has underflowed is not 0. */
export const shortP = (p: number | null): string => (p === 0 ? '< 1e-300' : `= ${short(p)}`);
