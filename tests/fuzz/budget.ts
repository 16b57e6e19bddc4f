import { numberFrom } from "../support/number_from.ts";
import { testSeed } from "../support/random.ts";

/** Seconds that each fuzz test runs: longer in CI, and for minutes when told. */
const SECONDS = numberFrom("XS_FUZZ_SECONDS", Deno.env.get("CI") === "true" ? 20 : 2);

/** A seeded run that ends when its time is up. */
export class Budget {
  readonly seed = testSeed();
  readonly #end = performance.now() + 1000 * SECONDS;
  rounds = 0;

  /** Whether there is time for a further round, which it counts. */
  next(): boolean {
    if (performance.now() >= this.#end) return false;
    this.rounds++;
    return true;
  }

  /** Runs `body`; what it throws is told with the seed that shows it again. */
  async run(body: () => Promise<void>): Promise<void> {
    try {
      await body();
      console.log(`seed ${this.seed}: ${this.rounds} rounds`);
    } catch (cause) {
      const replay = `XS_SEED=${this.seed} XS_FUZZ_SECONDS=${SECONDS}`;
      throw new Error(`failed in round ${this.rounds}; replay with ${replay}`, { cause });
    }
  }
}
