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

  /** True `percent` times in a hundred. */
  percent(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** One of `choices`, as often as its weight says: pairs of weight and choice. */
  weighted<T>(choices: readonly (readonly [number, T])[]): T {
    let rest = this.below(choices.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, choice] of choices) {
      if (rest < weight) return choice;
      rest -= weight;
    }
    throw new RangeError("weighted: the weights must be positive");
  }

  /** `length` random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.below(256);
    return bytes;
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
