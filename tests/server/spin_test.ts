/** The spin before a wait: it goes on while it pays, and costs next to nothing when it doesn't. */
import { assert, assertEquals } from "@std/assert";
import { SPIN_REST_MAX } from "../../lib/limits.ts";
import { Spin } from "../../lib/server/loop/spin.ts";

/** Finds an event at every `every`th look, and counts the looks. */
class Source {
  looks = 0;
  constructor(public every: number) {}

  wait(timeoutMs: number): number {
    assertEquals(timeoutMs, 0);
    this.looks++;
    return this.looks % this.every === 0 ? 1 : 0;
  }
}

/** A spin for one busy client. */
function spinForOne(polls: number): Spin {
  const spin = new Spin(polls);
  spin.found(1, 5);
  spin.found(1, 5);
  return spin;
}

Deno.test("A spin that finds its event in time always goes on", () => {
  const spin = spinForOne(100);
  const source = new Source(60);
  for (let i = 0; i < 1000; i++) assertEquals(spin.wait(source), 1);
  assertEquals(source.looks, 60_000);
});

Deno.test("A spin in vain rests, longer and longer up to a bound, and comes back when it pays", () => {
  const spin = spinForOne(100);
  const source = new Source(Number.MAX_SAFE_INTEGER);
  const waits = 100_000;
  for (let i = 0; i < waits; i++) assertEquals(spin.wait(source), 0);
  const spins = source.looks / 100;
  assert(spins < 2 * waits / SPIN_REST_MAX + 20, `${spins} spins in vain`);
  source.every = 10;
  let waited = 0;
  while (spin.wait(source) === 0) assert(++waited <= SPIN_REST_MAX, "it never comes back");
  assertEquals(spin.wait(source), 1);
});

Deno.test("There is no spin for several clients, nor without polls", () => {
  const source = new Source(1);
  const spin = new Spin(100);
  spin.found(1, 5);
  spin.found(1, 6);
  assertEquals(spin.wait(source), 0);
  spin.found(2, 6);
  spin.found(2, 6);
  assertEquals(spin.wait(source), 0);
  assertEquals(spinForOne(0).wait(source), 0);
  assertEquals(source.looks, 0);
});
