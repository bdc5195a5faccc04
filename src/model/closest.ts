// "Did you mean": the closest of a list of names.

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

/** "Did you mean NAME?", or the list of names when none is near. */
export function closest(typed: string, names: readonly string[]): string {
  const ranked = names
    .map((name) => ({ name, far: distance(typed.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  if (ranked.length > 0 && ranked[0].far <= Math.max(2, typed.length / 3))
    return `Did you mean ${ranked[0].name}?`;
  return `Known: ${names.join(', ')}.`;
}
