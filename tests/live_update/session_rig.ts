/** An engine whose daemon only notes what a live update asks of it. */
import {
  NO_ACTIONS,
  type UpdateActions,
  type UpdateOrder,
} from "../../lib/engine/daemon_actions.ts";
import type { Connection } from "../../lib/engine/connection.ts";
import type { Outbox } from "../../lib/engine/connection_base.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";

const ERRORS = MessageType.ERROR;

class Client implements Outbox {
  readonly replies: string[] = [];
  connection!: Connection;

  reply(type: number, reqId: number, _txId: number, payload: Uint8Array): void {
    const text = toText(payload).replace(/\0$/, "");
    this.replies.push(`${reqId}:${type === ERRORS ? "!" : ""}${text}`);
  }

  event(): void {}
}

/** A domain's clients are `g1`, `g2`...; `k` is domain 0's kernel; others come through the socket. */
export class SessionRig implements UpdateActions {
  readonly engine: Engine;
  /** What was asked of the daemon, in order. */
  readonly asked: string[] = [];
  readonly orders: UpdateOrder[] = [];
  now = 1_000_000;
  readonly #clients = new Map<string, Client>();
  #reqId = 0;

  constructor() {
    this.engine = new Engine({
      domains: { info: () => null, open: () => 0, reset: () => {}, close: () => {} },
      admin: { ...NO_ACTIONS, liveUpdate: this },
    });
  }

  refuse(file: string): string | null {
    return file === "/missing" ? "File not accessible." : null;
  }

  tryOut(order: UpdateOrder): void {
    this.asked.push("tryOut");
    this.orders.push(order);
  }

  handOver(): void {
    this.asked.push("handOver");
  }

  drop(): void {
    this.asked.push("drop");
  }

  client(name: string): Client {
    let client = this.#clients.get(name);
    if (client !== undefined) return client;
    client = new Client();
    const domid = name.startsWith("g") ? Number(name.slice(1)) : 0;
    const kind = domid > 0 || name === "k" ? "ring" : "socket";
    client.connection = this.engine.connect({ kind, domid, label: name, outbox: client });
    this.#clients.set(name, client);
    return client;
  }

  /** Sends a request with dots for NULs. Returns its reply, "..." without one, or how it waits. */
  ask(name: string, type: keyof typeof MessageType, payload: string, txId = 0): string {
    const { connection, replies } = this.client(name);
    const bytes = toBytes(payload.replaceAll(".", "\0"));
    const header = { type: MessageType[type], reqId: ++this.#reqId, txId, len: bytes.length };
    const before = replies.length;
    const handled = this.engine.handle(connection, header, bytes, this.now);
    if (handled !== "done") return handled;
    if (replies.length === before) return "...";
    return replies.at(-1)!.slice(`${this.#reqId}:`.length);
  }

  control(name: string, ...words: string[]): string {
    const { connection, replies } = this.client(name);
    const bytes = toBytes(["live-update", ...words].map((word) => `${word}\0`).join(""));
    const header = { type: MessageType.CONTROL, reqId: ++this.#reqId, txId: 0, len: bytes.length };
    const before = replies.length;
    this.engine.handle(connection, header, bytes, this.now);
    return replies.length === before ? "..." : replies.at(-1)!.slice(`${this.#reqId}:`.length);
  }

  /** Lets seconds pass, then looks. */
  wait(seconds: number): void {
    this.now += seconds * 1000;
    this.engine.tick(this.now);
  }

  /** The replies that a client got since the last time. */
  take(name: string): string[] {
    return this.client(name).replies.splice(0);
  }

  /** The operator begins, and the trial goes well. */
  waitFor(...start: string[]): void {
    this.control("op", "-f", "/new");
    this.control("op", "-s", ...start);
    this.engine.state.liveUpdate.tried(null);
    this.engine.tick(this.now);
    this.take("op");
  }
}
