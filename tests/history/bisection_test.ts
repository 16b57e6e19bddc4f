/** The search for the first bad commit finds it, in few steps, or says which could not be told apart. */
import { assert, assertEquals } from "@std/assert";
import { Bisection } from "../../lib/history/bisection.ts";
import { type Random, roundsOf, withSeed } from "../support/random.ts";

interface Search {
  readonly bisection: Bisection;
  readonly asked: readonly number[];
}

function search(good: number, bad: number, firstBad: number, skips: readonly number[]): Search {
  const bisection = new Bisection(good, bad), asked: number[] = [];
  for (let { next } = bisection; next !== null; next = bisection.next) {
    assert(!asked.includes(next), `#${next} is tested again`);
    assert(next > good && next < bad);
    asked.push(next);
    bisection.take(next, skips.includes(next) ? "skip" : next < firstBad ? "good" : "bad");
  }
  return { bisection, asked };
}

function hold(random: Random): void {
  const count = 1 + random.below(random.pick([3, 20, 1_000]));
  const good = random.below(50), bad = good + count, firstBad = good + 1 + random.below(count);
  const between = Array.from({ length: count - 1 }, (_, i) => good + 1 + i);
  const chance = random.pick([0, 0, 0.1, 0.6, 1]);
  const skips = between.filter(() => random.chance(chance));
  const { asked, bisection: { found: { first, last }, left } } = search(good, bad, firstBad, skips);
  assertEquals(last - first + 1, left);
  assert(first <= firstBad && firstBad <= last, `#${firstBad} is not from #${first} to #${last}`);
  // Only what was skipped keeps them from being told apart.
  for (let number = first; number < last; number++) assert(skips.includes(number), `#${number}`);
  if (asked.some((number) => skips.includes(number))) return;
  const most = Math.ceil(Math.log2(count));
  assert(asked.length <= most, `${asked.length} tests for ${count} commits`);
}

Deno.test("bisection: it finds the first bad commit, but for what cannot be tested", () => {
  for (const { seed } of roundsOf(400, 300)) withSeed(hold, seed);
});

Deno.test("bisection: it begins in the middle, and beside what is skipped", () => {
  assertEquals(search(0, 8, 6, []).asked, [4, 6, 5]);
  const { asked, bisection } = search(0, 8, 6, [4, 5]);
  assertEquals(asked, [4, 3, 5, 6]);
  assertEquals(bisection.found, { first: 4, last: 6 });
  assertEquals(search(6, 7, 7, []).asked, []);
});
