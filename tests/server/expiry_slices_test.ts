/** Work that no client waits for, and that many guests cause at once: done in slices. */
import { assert, assertEquals } from "@std/assert";
import { EVENT_TIMEOUT_MS } from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { RingHost } from "./ring_host.ts";

const GUESTS = 40;

Deno.test("Events of many guests whose time is over are dropped over several turns", () => {
  const host = new RingHost();
  const guests = Array.from({ length: GUESTS }, (_, i) => host.guest(i + 1));
  host.ask(T.SET_PERMS, "/tool\0b0\0");
  for (const guest of guests) assertEquals(guest.ask(T.WATCH, "/tool\0t\0"), "OK\0");
  for (const guest of guests) guest.take();
  const value = "v".repeat(1_500);
  for (let i = 0; i < 30; i++) host.ask(T.WRITE, `/tool/${value}/${i}\0`);
  host.settle();
  const peersLeft = (): number =>
    host.log.filter((line) => line.includes("did not read them in time")).length;
  host.now += EVENT_TIMEOUT_MS + 1;
  let turns = 0;
  for (let before = 0; before < GUESTS && turns < 1_000; turns++) {
    host.turns.turn(host.now);
    const after = peersLeft();
    assert(after - before < GUESTS, `${after - before} guests in one turn`);
    before = after;
  }
  assert(turns > 2 && turns < 1_000, `${turns} turns`);
});
