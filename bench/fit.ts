// A straight line through measured points, y = intercept + slope x, by least squares, and how straight they lie.

export interface Line {
  intercept: number;
  slope: number;
  /** rms of the residuals over the mean of y */
  residual: number;
  /** the largest |y - line| / y */
  worst: number;
  /** 1 - sum of squared residuals / sum of squared deviations from the mean */
  r2: number;
}

/** Throws with fewer than three points: two always lie on a line. */
export function fitLine(points: readonly (readonly [number, number])[]): Line {
  const n = points.length;
  if (n < 3) throw new Error(`fitLine: ${n} points, expected 3 or more.`);
  const mean = (f: (x: number, y: number) => number) => points.reduce((sum, [x, y]) => sum + f(x, y), 0) / n;
  const [mx, my] = [mean((x) => x), mean((_, y) => y)];
  const slope = mean((x, y) => (x - mx) * (y - my)) / mean((x) => (x - mx) ** 2);
  const intercept = my - slope * mx;
  const error = (x: number, y: number) => y - intercept - slope * x;
  const squared = mean((x, y) => error(x, y) ** 2);
  return {
    intercept,
    slope,
    residual: Math.sqrt(squared) / my,
    worst: Math.max(...points.map(([x, y]) => Math.abs(error(x, y)) / y)),
    r2: 1 - squared / mean((_, y) => (y - my) ** 2),
  };
}
