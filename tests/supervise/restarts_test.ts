/** When a daemon that died is started again, and when no more. */
import { assertEquals } from "@std/assert";
import { RESTART_DELAY_MAX_MS, RESTARTS_WITHIN_MS } from "../../lib/limits.ts";
import { type LifeEnd, Restarts } from "../../lib/server/supervision/restarts.ts";

const KILLED: LifeEnd = { signal: 9, status: 1, served: true };
const FAILED: LifeEnd = { signal: null, status: 1, served: true };
const gone = (status: number, served: boolean): LifeEnd => ({ signal: null, status, served });

Deno.test("restarts: at once, then with a wait that doubles up to a bound, then no more", () => {
  const restarts = new Restarts(10, 50);
  const delays: (number | string)[] = [];
  for (let death = 0; death < 10; death++) {
    const verdict = restarts.after(death % 2 === 0 ? KILLED : FAILED, death * 100, false);
    delays.push("end" in verdict ? `${verdict.end} ${verdict.gaveUp}` : verdict.delayMs);
  }
  assertEquals(delays, [0, 50, 100, 200, 400, 800, 1600, 3200, RESTART_DELAY_MAX_MS, "1 true"]);
});

Deno.test("restarts: deaths of long ago are forgotten", () => {
  const restarts = new Restarts(2, 50);
  for (let life = 0; life < 5; life++) {
    assertEquals(restarts.after(KILLED, life * RESTARTS_WITHIN_MS, false), {
      delayMs: 0,
      deaths: 1,
    });
  }
  const now = 4 * RESTARTS_WITHIN_MS + 1;
  assertEquals(restarts.after(KILLED, now, false), { end: 1, gaveUp: true });
});

Deno.test("restarts: without a limit it never gives up", () => {
  const restarts = new Restarts(0, 0);
  for (let death = 1; death <= 1000; death++) {
    assertEquals(restarts.after(KILLED, death, false), { delayMs: 0, deaths: death });
  }
});

Deno.test("restarts: none after an end that was asked for, or that would come again", () => {
  for (const status of [0, 2]) {
    const verdict = new Restarts(10, 50).after(gone(status, true), 0, false);
    assertEquals(verdict, { end: status, gaveUp: false });
  }
  // A daemon that never served can't start at all; one that was killed over it perhaps can.
  assertEquals(new Restarts(10, 50).after(gone(1, false), 0, false), { end: 1, gaveUp: false });
  const killed = new Restarts(10, 50);
  assertEquals(killed.after({ ...KILLED, served: false }, 0, false), { delayMs: 0, deaths: 1 });
  const refused = new Restarts(10, 50);
  refused.after(KILLED, 0, false);
  const verdict = refused.after({ ...gone(1, false), refused: true }, 1, false);
  assertEquals(verdict, { end: 1, gaveUp: false });
  // One that served before is tried again.
  const served = new Restarts(10, 50);
  served.after(KILLED, 0, false);
  assertEquals(served.after(gone(1, false), 1, false), { delayMs: 50, deaths: 2 });
  for (const end of [KILLED, FAILED]) {
    assertEquals(new Restarts(10, 50).after(end, 0, true), { end: 1, gaveUp: false });
  }
  assertEquals(new Restarts(10, 50).after(gone(0, true), 0, true), { end: 0, gaveUp: false });
  const told = { signal: 15, status: 1, served: false };
  assertEquals(new Restarts(10, 50).after(told, 0, true), { end: 0, gaveUp: false });
});
