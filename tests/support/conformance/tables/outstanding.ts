/** Guests that do not take what is owed to them, and those that cause it. */
import { MessageType as T } from "../../../../lib/wire/message_type.ts";
import { toBytes } from "../../../../lib/wire/text.ts";
import { SilentGuest } from "../../worlds/silent_guest.ts";
import { type CodeRow, guest, raw, type Row, type Scenario, scenario } from "../table.ts";
import type { World } from "../../worlds/world.ts";

/** More than fits into a ring: the reply to it stays in part with the daemon. */
const BIG = "x".repeat(1500);

const code = (run: (world: World) => Promise<void>): CodeRow => ({ code: run });

/** What CONTROL tells of a domain's outstanding requests; C 4.17 does not tell the highest. */
const outstanding = (domid: number, now: number, max: number): Row => [
  "s",
  "CONTROL",
  `quota.${domid}.`,
  new RegExp(
    `\\noutstanding +: +${now}(?: \\(max +${max}\\)| used, +${max} peak, +\\w+ limit)?\\n`,
  ),
];

/** `count` reads of a big node, of which no answer is taken. */
const readSilently = (guests: SilentGuest[], name: string, count: number): CodeRow =>
  code(async (world) => {
    const guest = new SilentGuest(world, name);
    guests.splice(0, guests.length, guest);
    await guest.begin();
    for (let i = 0; i < count; i++) {
      if (!await guest.put(T.READ, toBytes("data/big\0"))) throw new Error("the ring is full");
    }
  });

/** Everything is answered, in order, when the guest takes it. */
const takeAll = (guests: SilentGuest[], count: number): CodeRow =>
  code(async () => {
    const messages = await guests.at(-1)!.takeMany(count);
    const ids = messages.map(({ reqId }) => reqId);
    const wanted = Array.from({ length: count }, (_, i) => 1001 + i);
    if (ids.join() !== wanted.join()) throw new Error(`answered were ${ids.join()}`);
    if (messages.some(({ text }) => text !== BIG)) throw new Error("some answer is wrong");
  });

const bigNode: Row = ["s", "WRITE", raw(`/local/domain/1/data/big\0${BIG}`), "OK"];

/** A guest asks for more than it takes, with a quota of its own. */
function silent(quota: number | null, count: number, held: number): readonly Row[] {
  const guests: SilentGuest[] = [];
  return [
    ...guest(1),
    bigNode,
    ...quota === null ? [] : [["s", "SET_QUOTA", `1.outstanding.${quota}.`, "OK"] as const],
    readSilently(guests, "g1", count),
    outstanding(1, held, held),
    ["s", "CONTROL", "check.", "OK"],
    outstanding(1, held, held),
    takeAll(guests, count),
    outstanding(1, 0, held),
  ];
}

/** Guest 2 hears of all that guest 1 writes and takes nothing of it. */
function lazyWatcher(): readonly Row[] {
  const guests: SilentGuest[] = [];
  const writes = 60;
  return [
    ...guest(1),
    ...guest(2),
    ["s", "SET_PERMS", "/local/domain/1/data.n1.r2.", "OK"],
    ["g2", "WATCH", "/local/domain/1/data.t.", "OK", {
      events: { g2: ["/local/domain/1/data.t."] },
    }],
    code(async (world) => {
      const watcher = new SilentGuest(world, "g2");
      await watcher.begin();
      const writer = new SilentGuest(world, "g1");
      await writer.begin();
      guests.splice(0, guests.length, watcher, writer);
      let replies = 0;
      for (let sent = 0, refused = 0; sent < writes && refused < 3;) {
        if (await writer.put(T.WRITE, toBytes(`data/${sent}\0v`))) sent++;
        else refused++;
        replies += (await writer.take()).length;
      }
      // The ring of the watcher takes 19 events of some 51 bytes, the 20th in part.
      if (replies < 20 || replies > 45) throw new Error(`${replies} writes were answered`);
    }),
    outstanding(1, 20, 20),
    ["s", "CONTROL", "check.", "OK"],
    ["s", "WRITE", raw("/local/domain/1/other\0v"), "OK"],
    outstanding(1, 20, 20),
    outstanding(2, 0, 1),
    code(async () => {
      const [watcher, writer] = guests;
      const events = await watcher!.take();
      if (events.length < 20) throw new Error(`only ${events.length} events`);
      await writer!.take();
    }),
    outstanding(1, 0, 20),
  ];
}

export const outstandingRequests: readonly Scenario[] = [
  scenario(
    "a guest that takes no answers has 20 requests outstanding",
    silent(null, 30, 20),
    "rings",
  ),
  scenario(
    "SET_QUOTA: another quota of outstanding requests holds at once",
    silent(3, 30, 3),
    "rings",
  ),
  scenario(
    "SET_QUOTA: without a quota of outstanding requests all are handled",
    silent(0, 30, 30),
    "rings",
  ),
  scenario("a request is outstanding until the events it caused are taken", lazyWatcher(), "rings"),
];
