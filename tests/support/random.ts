/**
 * Random choices that can be made again: every property and fuzz test takes its seed from
 * `XS_SEED`, or from the clock, and prints it in what it says when it fails.
 */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** A float from 0 to below 1 (mulberry32). */
  next(): number {
    this.#state = this.#state + 0x6d2b79f5 | 0;
    let t = Math.imul(this.#state ^ this.#state >>> 15, 1 | this.#state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  }

  /** An integer from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** One of `items`. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }
}

/** The seed of this run. */
export function testSeed(): number {
  const given = Deno.env.get("XS_SEED");
  return given === undefined ? Date.now() % 1_000_000_007 : Number(given);
}

/** Runs `body` with a seeded source; a failure says how to see it again. */
export function withSeed(body: (random: Random) => void, seed = testSeed()): void {
  try {
    body(new Random(seed));
  } catch (error) {
    throw new Error(`failed with XS_SEED=${seed}`, { cause: error });
  }
}

/** One round of a test that has many. */
export interface Round {
  readonly seed: number;
  /** Whether it is the same in each run: only of such rounds may a test expect how often something happens. */
  readonly fixed: boolean;
}

/**
 * Seeds for `count` rounds. The first `fixed` of them are the same in each run, so that no chance
 * decides what is counted in them; the others are this run's. With `XS_SEED` all are from there on.
 */
export function roundsOf(count: number, fixed: number): Round[] {
  const isReplay = Deno.env.get("XS_SEED") !== undefined;
  const seed = testSeed();
  return Array.from(
    { length: count },
    (_, i) =>
      i < fixed && !isReplay ? { seed: i + 1, fixed: true } : { seed: seed + i, fixed: false },
  );
}

/**
 * As {@link withSeed}, twice: with a seed that is the same in each run, of which `body` may expect
 * how often something happens, and with this run's. With `XS_SEED` only the latter.
 */
export function withSeeds(body: (random: Random, fixed: boolean) => void): void {
  for (const { fixed, seed } of roundsOf(2, 1)) {
    withSeed((random) => body(random, fixed), seed);
  }
}
