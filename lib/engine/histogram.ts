/** Upper bounds of the buckets of all histograms, in ms; what is longer has one of its own. */
export const BUCKETS_MS: readonly number[] = [
  0.02,
  0.05,
  0.1,
  0.2,
  0.5,
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  1_000,
  5_000,
];

/** How long things took: counts in fixed buckets, so that to add one makes nothing. */
export class Histogram {
  /** How many fell into each bucket of {@link BUCKETS_MS}, and beyond the last. */
  readonly counts: number[] = new Array(BUCKETS_MS.length + 1).fill(0);
  count = 0;
  /** Of all of them together, in ms. */
  sumMs = 0;

  /** Adds `times` things that took `ms` each. */
  add(ms: number, times: number = 1): void {
    let at = 0;
    while (at < BUCKETS_MS.length && ms > BUCKETS_MS[at]!) at++;
    this.counts[at]! += times;
    this.count += times;
    this.sumMs += ms * times;
  }
}

/**
 * How long all but the slowest `1 - share` took at most, in ms, by counts of the buckets: within a bucket
 * they are taken to be spread evenly. Null of nothing.
 */
export function quantile(counts: readonly number[], share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let left = share * total, at = 0;
  while (at < counts.length - 1 && left > counts[at]!) left -= counts[at++]!;
  const from = BUCKETS_MS[at - 1] ?? 0, to = BUCKETS_MS[at] ?? from;
  return from + (to - from) * (left / counts[at]!);
}
