/** Requests that wait for the end of a live update, as bytes on rings. */
import { assertEquals } from "@std/assert";
import { NO_ACTIONS, type UpdateActions } from "../../lib/engine/daemon_actions.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { NoJournal } from "../../lib/journal/journal.ts";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { Turns } from "../../lib/server/scheduler.ts";
import type { GuestRing } from "../../lib/transport/ring.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType as T, messageTypeName } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { MessageReader } from "../support/message.ts";

const NOTHING_DONE: UpdateActions = {
  refuse: () => null,
  tryOut: () => {},
  handOver: () => {},
  drop: () => {},
};

/** Domain 0's kernel and a guest on rings, and an operator whose update waits. */
class Rig {
  readonly domains = new MemoryDomains();
  readonly engine = new Engine({
    domains: this.domains,
    admin: { ...NO_ACTIONS, liveUpdate: NOTHING_DONE },
  });
  readonly turns = new Turns(this.engine, new NoJournal(), new Trace(), () => {});
  readonly operator = this.engine.connect({
    kind: "socket",
    domid: 0,
    label: "operator",
    outbox: { reply: () => {}, event: () => {} },
  });
  readonly kernel: GuestRing;
  readonly guest: GuestRing;

  constructor() {
    this.domains.attach(this.turns, this.engine);
    this.domains.create(1);
    for (const domid of [0, 1]) assertEquals(this.engine.state.openDomain(domid, 5), 0);
    this.kernel = this.domains.guest(0);
    this.guest = this.domains.guest(1);
    this.turn();
  }

  /** A transaction keeps the update from happening. */
  wait(): void {
    const control = (...words: string[]): void => {
      const payload = toBytes(["live-update", ...words].map((word) => `${word}\0`).join(""));
      const header = { type: T.CONTROL, reqId: 1, txId: 0, len: payload.length };
      this.engine.handle(this.operator, header, payload, 0);
    };
    this.engine.handle(
      this.operator,
      { type: T.TRANSACTION_START, reqId: 0, txId: 0, len: 0 },
      NO_BYTES,
      0,
    );
    control("-f", "/new");
    control("-s", "-t", "100");
    this.engine.state.liveUpdate.tried(null);
    this.turn();
  }

  turn(): void {
    do this.turns.turn(1); while (this.turns.pending);
  }

  send(ring: GuestRing, ...messages: readonly (readonly [type: number, payload: string])[]): void {
    let reqId = 10;
    for (const [type, payload] of messages) {
      const bytes = encodeMessage(type, reqId++, 0, toBytes(payload)).slice();
      assertEquals(ring.write(bytes, 0, bytes.length), bytes.length);
    }
    this.turn();
  }

  take(ring: GuestRing): string[] {
    const buffer = new Uint8Array(4096);
    let end = 0;
    for (let count = 1; count > 0; end += count) {
      count = ring.read(buffer, end, buffer.length);
      this.turn();
    }
    return new MessageReader().push(buffer.subarray(0, end))
      .map(({ reqId, text }) => `${reqId}:${text.replaceAll("\0", ".")}`);
  }

  /** What a restart would go on with. */
  unhandled(domid: number): string[] {
    const ring = [...this.domains.rings()].find((state) => state.key === domid)!;
    return new MessageReader().push(ring.partial)
      .map(({ reqId, type }) => `${reqId}:${messageTypeName(type)}`);
  }
}

const NO_BYTES = new Uint8Array(0);
const START = [T.TRANSACTION_START, "\0"] as const;
const PATH = [T.GET_DOMAIN_PATH, "1\0"] as const;

Deno.test("live update: a guest waits behind its start of a transaction, and loses nothing", () => {
  const rig = new Rig();
  rig.wait();
  rig.send(rig.guest, PATH, START, PATH, START);
  assertEquals(rig.take(rig.guest), ["10:/local/domain/1."]);
  assertEquals(rig.unhandled(1), [
    "11:TRANSACTION_START",
    "12:GET_DOMAIN_PATH",
    "13:TRANSACTION_START",
  ]);
  rig.engine.state.liveUpdate.abort();
  rig.turn();
  assertEquals(rig.take(rig.guest), ["11:1.", "12:/local/domain/1.", "13:2."]);
  assertEquals(rig.unhandled(1), []);
});

Deno.test("live update: domain 0's kernel goes on beside its starts, and loses nothing", () => {
  const rig = new Rig();
  rig.wait();
  rig.send(rig.kernel, START, PATH, START);
  assertEquals(rig.take(rig.kernel), ["11:/local/domain/1."]);
  assertEquals(rig.unhandled(0), ["10:TRANSACTION_START", "12:TRANSACTION_START"]);
  rig.send(rig.kernel, PATH);
  assertEquals(rig.take(rig.kernel), ["10:/local/domain/1."]);
  rig.engine.state.liveUpdate.abort();
  rig.turn();
  assertEquals(rig.take(rig.kernel), ["10:1.", "12:2."]);
  assertEquals(rig.unhandled(0), []);
});

Deno.test("live update: what a kernel may have set aside is bounded", () => {
  const rig = new Rig();
  rig.wait();
  for (let i = 0; i < 66; i++) rig.send(rig.kernel, START);
  rig.send(rig.kernel, PATH);
  assertEquals(rig.take(rig.kernel), []);
  rig.engine.state.liveUpdate.abort();
  rig.turn();
  assertEquals(rig.take(rig.kernel).length, 67);
});

Deno.test("live update: what a domain had waiting is gone when it is introduced again", () => {
  const rig = new Rig();
  rig.wait();
  rig.send(rig.guest, START, PATH);
  const payload = toBytes("1\x001\x005\0");
  const header = { type: T.INTRODUCE, reqId: 2, txId: 0, len: payload.length };
  rig.engine.handle(rig.operator, header, payload, 0);
  rig.engine.state.liveUpdate.abort();
  rig.turn();
  assertEquals(rig.take(rig.guest), []);
  rig.send(rig.guest, PATH);
  assertEquals(rig.take(rig.guest), ["10:/local/domain/1."]);
});
