/** Events that a client has not taken are charged to the guests that cause them. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  EVENT_LOOK_MS,
  EVENT_RECORD_BYTES,
  EVENT_TIMEOUT_MS,
  RING_OUTPUT_BYTES_MAX,
  SOCKET_OUTPUT_BYTES_MAX,
  UNREAD_BYTES_MAX,
  UNREAD_DROP_BYTES,
} from "../../lib/limits.ts";
import { PeerOutput } from "../../lib/server/peer/peer_output.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { RingGuest, RingHost } from "./ring_host.ts";
import type { TestClient } from "../support/test_turns.ts";

const NAME = "x".repeat(240);
/** Directories that make a path of some 1,900 bytes. */
const DEEP = `${NAME}/`.repeat(7) + "y".repeat(180);
/** Nodes in each commit, as the attack has them. */
const NODES = 480;

/** A guest that commits nodes with long paths again and again. */
class Flooder {
  commits = 0;
  readonly #course: Generator<void, void>;

  constructor(readonly guest: RingGuest) {
    this.#course = this.#flood();
  }

  *#flood(): Generator<void, void> {
    const { guest } = this;
    const home = `/local/domain/${guest.domid}`;
    for (;;) {
      const id = parseInt(yield* guest.request(T.TRANSACTION_START, "\0"));
      for (let i = 0; i < NODES; i++) {
        // Others each time, for which no pending event stands.
        const path = `${home}/${DEEP}${i % 6}/${this.commits}-${i}`;
        assertEquals(yield* guest.request(T.WRITE, `${path}\0v`, id), "OK\0");
      }
      assertEquals(yield* guest.request(T.TRANSACTION_END, "T\0", id), "OK\0");
      this.commits++;
      yield;
      assertEquals(yield* guest.request(T.RM, `${home}/${NAME}\0`), "OK\0");
    }
  }

  /** Goes on up to its next commit, or until it has to wait. */
  go(): void {
    this.#course.next();
  }
}

/** A client of dom0 that hears of all that guests do, and takes nothing by itself. */
function watcher(host: RingHost): TestClient {
  const client = host.client(100_000);
  host.ask(T.WATCH, "/local/domain\0t\0", 0, client);
  host.settle();
  client.receive();
  return client;
}

/** Takes all that waits for a client, and counts its events by the domains that they tell of. */
function drain(host: RingHost, client: TestClient): Map<number, number> {
  const counts = new Map<number, number>();
  for (;;) {
    const messages = client.receive(1_000_000);
    host.settle();
    if (messages.length === 0 && client.peer.unsent === 0) return counts;
    for (const { text } of messages) {
      const domid = Number(text.split("/")[3]?.split("\0")[0]);
      counts.set(domid, (counts.get(domid) ?? 0) + 1);
    }
  }
}

Deno.test("Guests that commit 480 nodes of long paths wait until dom0's client has read, and it is kept", () => {
  const host = new RingHost();
  const client = watcher(host);
  const guests = [1, 2].map((domid) => new Flooder(host.guest(domid)));
  drain(host, client);
  let most = 0;
  for (let round = 0; round < 20; round++) {
    for (const guest of guests) guest.go();
    most = Math.max(most, client.peer.unsent);
  }
  assertEquals(guests.map(({ commits }) => commits), [1, 1]);
  assert(most > 2 * UNREAD_BYTES_MAX && most < SOCKET_OUTPUT_BYTES_MAX / 4, `${most} bytes`);
  // Two seconds, and a request of the toolstack on the way.
  host.pass(2_000);
  assertEquals(host.ask(T.WRITE, "/local/domain/1/of-dom0\0x"), "OK\0");
  assertEquals([host.gone, host.log], [[], []]);
  const counts = drain(host, client);
  assertEquals([counts.get(1)! >= NODES, counts.get(2)! >= NODES], [true, true]);
  // All was told, and the guests go on.
  for (let round = 0; round < 3; round++) for (const guest of guests) guest.go();
  assertEquals(guests.map(({ commits }) => commits), [2, 2]);
});

Deno.test("A third guest does not wait for what two others have left unread", () => {
  const host = new RingHost();
  const client = watcher(host);
  const flooders = [1, 2].map((domid) => new Flooder(host.guest(domid)));
  const third = host.guest(3);
  drain(host, client);
  for (let round = 0; round < 5; round++) for (const guest of flooders) guest.go();
  for (let i = 0; i < 200; i++) assertEquals(third.ask(T.WRITE, `k${i}\0v`), "OK\0", `write ${i}`);
  assertEquals(drain(host, client).get(3), 200);
  assertEquals(flooders.map(({ commits }) => commits), [1, 1]);
});

Deno.test("Nor does dom0, whose events are dom0's own", () => {
  const host = new RingHost();
  const client = watcher(host);
  const guest = host.guest(1);
  assertEquals(guest.ask(T.WATCH, "/local/domain/1\0t\0"), "OK\0");
  for (let i = 0; i < 3_000; i++) {
    assertEquals(host.ask(T.WRITE, `/local/domain/1/${i}\0v`), "OK\0");
  }
  assertEquals(host.log, []);
  assertEquals(drain(host, client).get(1)! > 3_000, true);
});

Deno.test("A client that takes a little at a time is kept, and its guests are slowed to its pace", () => {
  const host = new RingHost();
  const client = watcher(host);
  const guests = Array.from({ length: 12 }, (_, i) => new Flooder(host.guest(i + 1)));
  drain(host, client);
  let most = 0, taken = 0;
  for (let round = 0; round < 40; round++) {
    for (const guest of guests) guest.go();
    most = Math.max(most, client.peer.unsent);
    // Twenty rounds take longer than an event may wait.
    host.pass(EVENT_TIMEOUT_MS / 15);
    taken += client.receive(50_000).length;
    host.settle();
  }
  assert(taken > 500, `${taken} events`);
  // All the guests' bounds, and one request of each.
  assert(most < 12 * (UNREAD_BYTES_MAX + 3 * 2 ** 20), `${most} bytes`);
  assertEquals(host.gone, []);
});

Deno.test("A slow client does not hold up a guest for longer than 20 s because of the number of requests", () => {
  const host = new RingHost();
  const client = watcher(host);
  const guest = host.guest(1);
  drain(host, client);
  for (let i = 0; i < 3_000; i++) host.ask(T.WRITE, `/local/domain/0/${i}\0v`);
  let answers = 0;
  const write = (): void => {
    if (guest.ask(T.WRITE, `k${answers}\0v`) === "OK\0") answers++;
  };
  for (let i = 0; i < 30; i++) write();
  assertEquals(answers, 20);
  for (let ms = 0; ms <= EVENT_TIMEOUT_MS; ms += EVENT_LOOK_MS) {
    host.pass(EVENT_LOOK_MS);
    client.receive(50);
    host.settle();
  }
  host.pass(EVENT_LOOK_MS);
  answers += guest.take().length;
  for (let i = 0; i < 10; i++) write();
  assert(answers >= 30, `${answers} answers`);
  assert(client.peer.unsent > 0);
});

Deno.test("A client that takes nothing for 20 s does not hold guests up, and is hung up in the end", () => {
  const host = new RingHost();
  const client = watcher(host);
  const guests = [1, 2].map((domid) => new Flooder(host.guest(domid)));
  drain(host, client);
  for (let round = 0; round < 500 && host.gone.length === 0; round++) {
    for (const guest of guests) guest.go();
    host.pass(EVENT_LOOK_MS);
  }
  assertEquals(host.gone, [[client.peer.connection.label, "overflow"]]);
  const commits = guests.reduce((sum, { commits }) => sum + commits, 0);
  assert(host.now > 5 * EVENT_TIMEOUT_MS && commits > 10, `${commits} commits`);
  assertStringIncludes(host.log.join("\n"), "disconnected: 16777216 bytes are unread");
});

Deno.test("What dom0 itself causes hangs up a client that does not read, and no guest is slowed", () => {
  const host = new RingHost();
  const client = watcher(host);
  const guest = host.guest(1);
  const most = SOCKET_OUTPUT_BYTES_MAX / 1_900 + 100;
  let writes = 0;
  for (; writes < most && host.gone.length === 0; writes++) {
    host.ask(T.WRITE, `/local/domain/2/${DEEP}/${writes}\0v`);
  }
  assertEquals(host.gone, [[client.peer.connection.label, "overflow"]]);
  assert(writes > SOCKET_OUTPUT_BYTES_MAX / 2_100, `${writes} writes`);
  assertEquals(guest.ask(T.WRITE, "x\0y"), "OK\0");
});

Deno.test("A guest's ring keeps events of others, charged to those, and drops dom0's beyond its own bound", () => {
  const host = new RingHost();
  const victim = host.guest(1);
  const attacker = new Flooder(host.guest(2));
  host.ask(T.SET_PERMS, "/local/domain/2\0n2\0r1\0");
  victim.ask(T.WATCH, "/local/domain/2\0t\0");
  victim.take();
  attacker.go();
  assertEquals(attacker.commits, 1);
  const domain = host.engine.state.domains.get(1)!.connection!;
  const { outbox } = domain;
  let events = 0;
  for (; host.log.length === 0 && events < 100_000; events++) outbox.event(`/a/${events}`, "t");
  assertStringIncludes(host.log[0]!, "domain 1: watch events dropped");
  const perEvent = 16 + 9 + EVENT_RECORD_BYTES;
  // The records count, and what the attacker caused does not.
  assert(events <= RING_OUTPUT_BYTES_MAX / (perEvent - 5), `${events} events`);
  assert(events >= RING_OUTPUT_BYTES_MAX / (perEvent + 5), `${events} events`);
});

Deno.test("One commit that many watches of other guests hear of fills no more than its bound", () => {
  const host = new RingHost();
  const victims = [1, 2, 3].map((domid) => host.guest(domid));
  const attacker = new Flooder(host.guest(4));
  host.ask(T.SET_PERMS, "/local/domain/4\0n4\0r1\0r2\0r3\0");
  for (const victim of victims) {
    for (let i = 0; i < 100; i++) {
      const token = `${i}`.padEnd(1_000, "x");
      assertEquals(victim.ask(T.WATCH, `/local/domain/4\0${token}\0`), "OK\0");
    }
    victim.take();
  }
  attacker.go();
  assertEquals(attacker.commits, 1);
  const rings = [...host.domains.rings()].filter(({ key }) => key !== 4);
  const bytes = rings.reduce((sum, { responses }) => sum + responses.length, 0);
  assert(bytes < UNREAD_DROP_BYTES + 10_000 && bytes > UNREAD_DROP_BYTES / 2, `${bytes} bytes`);
  assertStringIncludes(host.log.join("\n"), "watch events dropped: 2621440 bytes are unread");
  for (let i = 0; i < 3; i++) {
    for (const victim of victims) victim.take();
    attacker.go();
  }
  assertEquals(attacker.commits, 2);
});

Deno.test("The ring of dom0's kernel loses no event because of guests", () => {
  const host = new RingHost();
  assertEquals(host.engine.state.openDomain(0, 5), 0);
  const kernel = new RingGuest(host, 0, host.domains.guest(0));
  assertEquals(kernel.ask(T.WATCH, "/local/domain\0t\0"), "OK\0");
  const guests = [1, 2, 3, 4].map((domid) => new Flooder(host.guest(domid)));
  kernel.take();
  for (const guest of guests) guest.go();
  assertEquals(guests.map(({ commits }) => commits), [1, 1, 1, 1]);
  assertEquals(host.log, []);
  const events = kernel.take().filter(({ type }) => type === T.WATCH_EVENT);
  assert(events.length >= 4 * NODES, `${events.length} events`);
});

Deno.test("A guest that is introduced again is charged on for what it has caused", () => {
  const host = new RingHost();
  const client = watcher(host);
  const guest = host.guest(1);
  const flooder = new Flooder(guest);
  drain(host, client);
  flooder.go();
  assertEquals(flooder.commits, 1);
  assertEquals(host.ask(T.INTRODUCE, "1\x001\x005\0"), "OK\0");
  assertEquals(guest.ask(T.READ, "name\0"), null);
  drain(host, client);
  assertEquals(guest.take().map(({ text }) => text), ["ENOENT\0"]);
});

Deno.test("What another daemon handed over is nobody's, and does not hang the client up", () => {
  const output = new PeerOutput();
  output.restore(new Uint8Array(2 * SOCKET_OUTPUT_BYTES_MAX), 0, null, Infinity);
  assert(output.own <= EVENT_RECORD_BYTES, `${output.own} bytes`);
  output.addEvent("/a", "t", null, Infinity);
  assert(output.own <= 2 * EVENT_RECORD_BYTES, `${output.own} bytes`);
});
