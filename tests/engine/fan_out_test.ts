/** What watches of guests cost others whose changes they hear of, or may not. */
import { assert, assertEquals } from "@std/assert";
import { Engine } from "../../lib/engine/engine.ts";
import { EVENTS_PER_REQUEST_MAX } from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client } from "../support/engine_client.ts";

const GUESTS = 30;
const WATCHES = 128;

/** An engine with guests, each of which has all its watches at `path`. */
function crowd(path: string): { dom0: Client; guests: Client[]; lines: string[] } {
  const lines: string[] = [];
  const info = (domid: number): { domid: number; state: number; uniqueId: bigint } => ({
    domid,
    state: 1,
    uniqueId: BigInt(domid),
  });
  const engine = new Engine({
    domains: { info, open: () => 8, reset: () => {}, close: () => {} },
    log: (_level, text) => lines.push(text),
  });
  const dom0 = new Client(engine, 0);
  dom0.ask(T.WRITE, "/open\0");
  dom0.ask(T.SET_PERMS, "/open\0b0\0");
  dom0.ask(T.WRITE, "/secret/node\0");
  const guests = Array.from({ length: GUESTS }, (_, i) => {
    engine.state.domains.know(i + 1);
    return new Client(engine, i + 1);
  });
  for (const guest of guests) {
    for (let i = 0; i < WATCHES; i++) {
      assertEquals(guest.ask(T.WATCH, `${path}\0${i}\0`), "WATCH OK\0");
    }
    guest.events.length = 0;
  }
  return { dom0, guests, lines };
}

function unitsOf(client: Client, ask: () => void): number {
  const { meter } = client.engine;
  const before = meter.units;
  ask();
  return meter.units - before;
}

function commitNodes(client: Client, path: string, count: number): void {
  const id = parseInt(client.ask(T.TRANSACTION_START, "\0").split(" ")[1]!);
  for (let i = 0; i < count; i++) client.ask(T.WRITE, `${path}/${i}\0v`, id);
  assertEquals(client.ask(T.TRANSACTION_END, "T\0", id), "TRANSACTION_END OK\0");
}

Deno.test("Watches of guests that may not hear of a change cost its writer one look for each guest", () => {
  const { dom0, guests } = crowd("/");
  for (const write of ["/secret/node\0", "/secret/new\0"]) {
    const units = unitsOf(dom0, () => dom0.ask(T.WRITE, `${write}v`));
    assert(units < 10 * GUESTS, `${units} units`);
  }
  for (const guest of guests) assertEquals(guest.events, []);
});

Deno.test("One request of a guest leads to a bounded number of events for guests, with one line", () => {
  const { dom0, guests, lines } = crowd("/open");
  dom0.ask(T.WATCH, "/open\0dom0\0");
  dom0.events.length = 0;
  commitNodes(guests[0]!, "/open", 100);
  const heard = guests.reduce((sum, { events }) => sum + events.length, 0);
  assert(heard <= EVENTS_PER_REQUEST_MAX && heard > EVENTS_PER_REQUEST_MAX - WATCHES, `${heard}`);
  // dom0 hears of all.
  assertEquals(dom0.events.length, 100);
  assertEquals(lines.filter((line) => line.includes("watch events dropped")).length, 1, `${lines}`);
});

Deno.test("What all guests watch with all that they may is told to all of them, and all that dom0 does", () => {
  const { dom0, guests, lines } = crowd("/open");
  guests[0]!.ask(T.WRITE, "/open/one\0v");
  for (const { events } of guests) assertEquals(events.length, WATCHES);
  commitNodes(dom0, "/open", 10);
  for (const { events } of guests) assertEquals(events.length, 11 * WATCHES);
  assertEquals(lines, []);
});
