/** Clients that contend for the same nodes on one engine, and a clock that the test moves. */
import type { Connection } from "../../lib/engine/connection.ts";
import { Client } from "../support/engine_client.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { MessageType } from "../../lib/wire/message_type.ts";

/** One client, whose next request waits while the engine holds the one before. */
export class Contender {
  readonly connection: Connection;
  /** How long each request that was held has waited, in ms. */
  readonly waits: number[] = [];
  readonly #client: Client;
  #held: { type: number; payload: string; txId: number; since: number } | null = null;

  constructor(readonly arena: Arena, domid: number, kind: "socket" | "ring") {
    this.#client = new Client(arena.engine, domid, { kind, label: `client ${domid}` });
    this.connection = this.#client.connection;
  }

  get held(): boolean {
    return this.#held !== null;
  }

  /** Sends a request; the reply, with `!` before an error, or null when it has to wait. */
  ask(type: number, payload: string, txId = 0): string | null {
    if (this.#held !== null) throw new Error("the request before this one waits");
    return this.#offer(type, payload, txId, this.arena.now);
  }

  #offer(type: number, payload: string, txId: number, since: number): string | null {
    const client = this.#client, { now } = this.arena;
    const handled = client.handle(type, payload, txId, now);
    this.#held = handled === "done" ? null : { type, payload, txId, since };
    if (handled !== "done") return null;
    if (now > since) this.waits.push(now - since);
    return `${client.isError ? "!" : ""}${client.text.replace(/\0$/, "")}`;
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
