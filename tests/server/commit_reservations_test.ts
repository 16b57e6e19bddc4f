/** Requests of guests that wait for what another client's transaction reserves, in true turns. */
import { assert, assertEquals } from "@std/assert";
import type { UpdateActions } from "../../lib/engine/daemon_actions.ts";
import { OUTPUT_STALL_BYTES, RESERVATION_MS_MAX, RESERVED_AFTER } from "../../lib/limits.ts";
import { Peer } from "../../lib/server/peer/peer.ts";
import { HEADER_SIZE } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { type RingGuest, RingHost } from "./ring_host.ts";
import type { TestClient } from "../support/test_turns.ts";

/** dom0 has opened a transaction that reserves `/a`, and the guest's write of it waits. */
class Standoff {
  readonly handedOver: string[] = [];
  readonly host: RingHost;
  readonly dom0: TestClient;
  readonly guest: RingGuest;
  readonly txId: number;

  constructor(prepare: (guest: RingGuest) => void = () => {}) {
    const liveUpdate: UpdateActions = {
      refuse: () => null,
      tryOut: () => {},
      handOver: () => void this.handedOver.push("handed over"),
      drop: () => {},
    };
    this.host = new RingHost({ liveUpdate });
    this.host.ask(T.MKDIR, "/a\0");
    this.host.ask(T.SET_PERMS, "/a\0b0\0");
    this.dom0 = this.host.client();
    this.guest = this.host.guest(1);
    prepare(this.guest);
    for (let i = 0; i < RESERVED_AFTER; i++) {
      const txId = this.#open();
      assertEquals(this.guest.ask(T.WRITE, `/a\0${i}`), "OK\0");
      assertEquals(this.#commit(txId), "EAGAIN\0");
    }
    this.txId = this.#open();
    assertEquals(this.guest.ask(T.WRITE, "/a\0held"), null);
  }

  #open(): number {
    const txId = parseInt(this.host.ask(T.TRANSACTION_START, "\0", 0, this.dom0));
    this.host.ask(T.READ, "/a\0", txId, this.dom0);
    return txId;
  }

  #commit(txId: number): string {
    this.host.ask(T.WRITE, "/mine\0x", txId, this.dom0);
    return this.host.ask(T.TRANSACTION_END, "T\0", txId, this.dom0);
  }

  commit(): string {
    return this.#commit(this.txId);
  }

  /** What the guest's ring has brought, as payloads. */
  answers(): string[] {
    return this.guest.take().map(({ text }) => text);
  }
}

Deno.test("A guest's write waits, all behind it in its ring too, and is done once after the commit", () => {
  const standoff = new Standoff();
  const { guest, host } = standoff;
  guest.offer(T.READ, "/a\0");
  assertEquals(standoff.answers(), []);
  assertEquals(host.turns.pending, false);
  assertEquals(host.turns.lookAt, host.now + RESERVATION_MS_MAX);
  assertEquals(standoff.commit(), "OK\0");
  assertEquals(standoff.answers(), ["OK\0", "held"]);
  assertEquals(host.turns.lookAt, Infinity);
});

Deno.test("It goes on at once even if the guest reads nothing: when it does is not up to the guest", () => {
  const path = `/public/${"p".repeat(2_000)}`;
  const standoff = new Standoff((guest) =>
    assertEquals(guest.ask(T.WATCH, "/public\0t\0"), "OK\0")
  );
  const { guest, host } = standoff;
  host.ask(T.MKDIR, "/public\0");
  host.ask(T.SET_PERMS, "/public\0b0\0");
  for (let i = 0; i < 2 * OUTPUT_STALL_BYTES / path.length; i++) {
    host.ask(T.WRITE, `${path}${i}\0`);
  }
  const { outbox } = host.engine.state.domains.get(guest.domid)!.connection!;
  assert(outbox instanceof Peer && outbox.unsent > OUTPUT_STALL_BYTES);
  standoff.commit();
  assertEquals(host.ask(T.READ, "/a\0"), "held");
});

Deno.test("It goes on after its time, though dom0 leaves the transaction open", () => {
  const standoff = new Standoff();
  standoff.host.pass(RESERVATION_MS_MAX - 1);
  assertEquals(standoff.answers(), []);
  standoff.host.pass(1);
  assertEquals(standoff.answers(), ["OK\0"]);
  assertEquals(standoff.commit(), "EAGAIN\0");
});

Deno.test("It goes on when dom0's client hangs up", () => {
  const standoff = new Standoff();
  standoff.dom0.close();
  standoff.host.turns.ready(standoff.dom0.peer);
  standoff.host.settle();
  assertEquals(standoff.answers(), ["OK\0"]);
});

Deno.test("A guest that dies, or is introduced again, while its request waits leaves nothing behind", () => {
  for (const isDead of [true, false]) {
    const standoff = new Standoff();
    const { domains } = standoff.host;
    if (isDead) domains.die(1);
    else standoff.host.ask(T.INTRODUCE, "1\x001\x005\0");
    standoff.host.settle();
    assertEquals(standoff.commit(), "OK\0");
    standoff.host.pass(RESERVATION_MS_MAX);
    assertEquals(standoff.host.ask(T.READ, "/a\0"), `${RESERVED_AFTER - 1}`);
    assertEquals(standoff.host.turns.lookAt, Infinity);
    assertEquals(standoff.host.engine.due, false);
  }
});

Deno.test("Another guest's commit that waits does not keep a live update from happening", () => {
  const standoff = new Standoff();
  const { host } = standoff;
  const other = host.guest(2);
  const txId = parseInt(other.ask(T.TRANSACTION_START, "\0")!);
  assertEquals(other.ask(T.WRITE, "/a\0other", txId), "OK\0");
  assertEquals(other.ask(T.TRANSACTION_END, "T\0", txId), null);
  const operator = host.client();
  for (const words of ["-f\0/new", "-s\0-t\x0030"]) {
    operator.send(T.CONTROL, 1, `live-update\0${words}\0`);
    host.settle();
  }
  host.engine.state.liveUpdate.tried(null);
  host.turns.tick();
  host.settle();
  assertEquals([host.engine.state.liveUpdate.parking, standoff.handedOver], [true, []]);
  // New transactions wait for the update, these two for the reservation.
  assertEquals(standoff.guest.offer(T.TRANSACTION_START, "\0"), true);
  assertEquals(standoff.commit(), "OK\0");
  assertEquals(other.take().map(({ text }) => text), ["OK\0"]);
  assertEquals(standoff.answers(), ["OK\0"]);
  host.turns.tick();
  host.settle();
  assertEquals(standoff.handedOver, ["handed over"]);
});

Deno.test("What waits is input like any other to the next daemon", () => {
  const [state] = [...new Standoff().host.domains.rings()];
  assertEquals(state!.partial.length, HEADER_SIZE + "/a\0held".length);
});
