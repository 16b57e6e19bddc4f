/** The clocks: this machine's, as far as that can be told, and the one that tests set. */
import { assert, assertEquals } from "@std/assert";
import { sleep, systemClock, wallDate, wallMs } from "../../lib/clock.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";

Deno.test("clock: this machine's tells microseconds within the host's milliseconds", () => {
  let last = 0;
  for (let i = 0; i < 10_000; i++) {
    const before = Date.now(), wall = systemClock.wall(), after = Date.now();
    assert(Number.isInteger(wall));
    assert(wall >= before * 1_000 && wall < (after + 1) * 1_000, `${before} ${wall} ${after}`);
    // Unless the host's clock is set meanwhile, which makes its milliseconds go back.
    if (before >= Math.floor(last / 1_000)) assert(wall >= last, `${last} ${wall}`);
    last = wall;
  }
});

Deno.test("clock: this machine's calls once, again and again, or not at all", async () => {
  const called: string[] = [];
  systemClock.after(0, () => called.push("cancelled")).cancel();
  systemClock.alarm(0, () => called.push("cancelled")).cancel();
  const every = systemClock.every(1, () => called.push("every"));
  await new Promise<void>((resolve) => systemClock.alarm(1, resolve));
  while (called.length < 2) await sleep(systemClock, 1);
  every.cancel();
  assertEquals(new Set(called), new Set(["every"]));
});

Deno.test("clock: on one that is set, what is due happens in its order and at its time", async () => {
  const clock = new SimulatedClock(1_000, 5_000_000);
  const called: [what: string, now: number][] = [];
  const note = (what: string) => (): void => void called.push([what, clock.now()]);
  clock.after(30, note("after"));
  clock.alarm(10, note("alarm"));
  const every = clock.every(20, note("every"));
  clock.after(5, note("cancelled")).cancel();
  clock.advance(9.5);
  assertEquals(called, []);
  clock.advance(40.5);
  assertEquals(called, [["alarm", 1_010], ["every", 1_020], ["after", 1_030], ["every", 1_040]]);
  every.cancel();
  const slept = sleep(clock, 10);
  clock.advance(10);
  await slept;
  assertEquals([clock.now(), clock.wall(), wallMs(clock)], [1_060, 5_060_000, 5_060]);
  assertEquals(wallDate(clock).toISOString(), "1970-01-01T00:00:05.060Z");
  assertEquals(clock.waiting, 0);
});
