/** Clients that contend for the same nodes on one engine, and a clock that the test moves. */
import type { Connection } from "../../lib/engine/connection.ts";
import type { Outbox } from "../../lib/engine/connection_base.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";

/** One client, whose next request waits while the engine holds the one before. */
export class Contender implements Outbox {
  readonly connection: Connection;
  /** How long each request that was held has waited, in ms. */
  readonly waits: number[] = [];
  #reply = "";
  #held: { type: number; payload: string; txId: number; since: number } | null = null;

  constructor(readonly arena: Arena, domid: number, kind: "socket" | "ring") {
    this.connection = arena.engine.connect({
      kind,
      domid,
      label: `client ${domid}`,
      outbox: this,
    });
  }

  reply(type: number, _reqId: number, _txId: number, payload: Uint8Array): void {
    this.#reply = `${type === MessageType.ERROR ? "!" : ""}${toText(payload).replace(/\0$/, "")}`;
  }

  event(): void {}

  get held(): boolean {
    return this.#held !== null;
  }

  /** Sends a request; the reply, with `!` before an error, or null when it has to wait. */
  ask(type: number, payload: string, txId = 0): string | null {
    if (this.#held !== null) throw new Error("the request before this one waits");
    return this.#offer(type, payload, txId, this.arena.now);
  }

  #offer(type: number, payload: string, txId: number, since: number): string | null {
    const bytes = toBytes(payload);
    const header = { type, reqId: 1, txId, len: bytes.length };
    const { engine, now } = this.arena;
    const handled = engine.handle(this.connection, header, bytes, now);
    this.#held = handled === "done" ? null : { type, payload, txId, since };
    if (handled !== "done") return null;
    if (now > since) this.waits.push(now - since);
    return this.#reply;
  }

  /** Offers what was held again, as the turn does. */
  retry(): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    this.#offer(held.type, held.payload, held.txId, held.since);
  }

  start(): number {
    return Number(this.ask(MessageType.TRANSACTION_START, "\0"));
  }

  read(path: string, txId = 0): string | null {
    return this.ask(MessageType.READ, `${path}\0`, txId);
  }

  write(path: string, value: string, txId = 0): string | null {
    return this.ask(MessageType.WRITE, `${path}\0${value}`, txId);
  }

  end(txId: number, how = "T"): string | null {
    return this.ask(MessageType.TRANSACTION_END, `${how}\0`, txId);
  }
}

/** The engine, its clients and the clock. */
export class Arena {
  readonly engine: Engine;
  readonly clients: Contender[] = [];
  now = 1_000;

  constructor(guests = 40) {
    const info = (domid: number): { domid: number; state: number; uniqueId: bigint } | null =>
      domid <= guests ? { domid, state: 1, uniqueId: BigInt(domid) } : null;
    this.engine = new Engine({
      domains: { info, open: () => 8, reset: () => {}, close: () => {} },
    });
    for (let domid = 1; domid <= guests; domid++) this.engine.state.domains.know(domid);
  }

  socket(): Contender {
    return this.#add(new Contender(this, 0, "socket"));
  }

  guest(domid: number): Contender {
    return this.#add(new Contender(this, domid, "ring"));
  }

  #add(client: Contender): Contender {
    this.clients.push(client);
    return client;
  }

  /** Lets `ms` pass, and what waited go on as the turn would. */
  pass(ms: number): void {
    this.now += ms;
    const { engine } = this;
    if (!engine.due && this.now < engine.wakeAt) return;
    if (engine.tick(this.now)) { for (const client of this.clients) client.retry(); }
  }

  /** Nodes that all may read and write. */
  plant(...paths: string[]): void {
    const planter = this.socket();
    for (const path of paths) {
      planter.write(path, "0");
      planter.ask(MessageType.SET_PERMS, `${path}\0b0\0`);
    }
  }
}
