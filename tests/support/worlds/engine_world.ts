import type { Connection } from "../../../lib/engine/connection.ts";
import type { Outbox } from "../../../lib/engine/connection_base.ts";
import {
  DOMAIN_DEAD,
  DOMAIN_DYING,
  DOMAIN_EXISTS,
  DOMAIN_SHUTDOWN,
  type DomainControl,
  type DomainInfo,
} from "../../../lib/engine/domain_control.ts";
import { Engine } from "../../../lib/engine/engine.ts";
import { RESERVATIONS_MAX } from "../../../lib/limits.ts";
import { EINVAL, type ErrorCode, OK } from "../../../lib/wire/errors.ts";
import { MessageType } from "../../../lib/wire/message_type.ts";
import { toText } from "../../../lib/wire/text.ts";
import type { Message } from "../message.ts";
import { type DomainChange, domidOf, type World } from "./world.ts";

/** Keeps what the engine sends, in order. */
class Recorder implements Outbox {
  messages: Message[] = [];

  reply(type: number, reqId: number, txId: number, payload: Uint8Array): void {
    this.messages.push({ type, reqId, txId, text: toText(payload) });
  }

  event(path: string, token: string): void {
    const text = `${path}\0${token}\0`;
    this.messages.push({ type: MessageType.WATCH_EVENT, reqId: 0, txId: 0, text });
  }

  take(): Message[] {
    const taken = this.messages;
    this.messages = [];
    return taken;
  }
}

/** How often one request may have to wait: each wait sees a reservation's end. */
const WAITS_MAX = 2 * RESERVATIONS_MAX;

/** The state bits of a domain behind each change. */
const STATES: Readonly<Record<DomainChange, number>> = {
  create: DOMAIN_EXISTS,
  replace: DOMAIN_EXISTS,
  shutdown: DOMAIN_EXISTS | DOMAIN_SHUTDOWN,
  dying: DOMAIN_EXISTS | DOMAIN_DYING,
  dead: DOMAIN_EXISTS | DOMAIN_DEAD,
  gone: 0,
};

/** A hypervisor's list of domains, changed by the tables. */
export class DomainList {
  readonly #domains = new Map<number, DomainInfo>();
  #uniqueIdLast = 0n;

  constructor() {
    this.change(0, "create");
  }

  info(domid: number): DomainInfo | null {
    return this.#domains.get(domid) ?? null;
  }

  change(domid: number, change: DomainChange): void {
    if (change === "gone") {
      this.#domains.delete(domid);
      return;
    }
    const fresh = change === "create" || change === "replace";
    const uniqueId = fresh ? ++this.#uniqueIdLast : this.#domains.get(domid)?.uniqueId;
    if (uniqueId === undefined) throw new Error(`domain ${domid} was not created`);
    this.#domains.set(domid, { domid, state: STATES[change], uniqueId });
  }
}

/** Domains whose ring is a list of messages. */
class RecordedDomains implements DomainControl {
  readonly list = new DomainList();
  readonly rings = new Map<number, Connection>();

  constructor(private readonly opened: (connection: Connection) => void) {}

  info(domid: number): DomainInfo | null {
    return this.list.info(domid);
  }

  open(connection: Connection, _port: number): ErrorCode {
    if (this.list.info(connection.domid) === null) return EINVAL;
    this.rings.set(connection.domid, connection);
    this.opened(connection);
    return OK;
  }

  reset(connection: Connection, _port: number): void {
    this.rings.set(connection.domid, connection);
  }

  close(connection: Connection): void {
    this.rings.delete(connection.domid);
  }
}

/** The engine itself: no bytes, no loop; what it sends is recorded. */
export class EngineWorld implements World {
  readonly name = "engine";
  readonly #domains = new RecordedDomains((connection) => this.#adopt(connection));
  readonly engine = new Engine({ domains: this.#domains });
  readonly #open = new Map<string, { connection: Connection; outbox: Recorder }>();
  #now = 1_000_000;
  #reqId = 0;

  #adopt(connection: Connection): void {
    const outbox = new Recorder();
    connection.outbox = outbox;
    this.#open.set(`g${connection.domid}`, { connection, outbox });
  }

  #find(name: string): { connection: Connection; outbox: Recorder } {
    const found = this.#open.get(name);
    if (found === undefined) throw new Error(`no connection ${name}`);
    return found;
  }

  open(name: string): Promise<void> {
    if (!this.#open.has(name)) {
      if (domidOf(name) !== null) throw new Error(`${name} was never introduced`);
      const outbox = new Recorder();
      const spec = { kind: "socket", domid: 0, label: name, outbox } as const;
      this.#open.set(name, { connection: this.engine.connect(spec), outbox });
    }
    return Promise.resolve();
  }

  request(name: string, type: number, payload: Uint8Array, txId: number): Promise<Message[]> {
    const { connection, outbox } = this.#find(name);
    const reqId = ++this.#reqId;
    const header = { type, reqId, txId, len: payload.length };
    let handled = this.engine.handle(connection, header, payload, ++this.#now);
    // A guest's change waits for another client's transaction: for as long as that may keep it.
    for (let waits = 0; handled === "held" && waits < WAITS_MAX; waits++) {
      if (this.engine.wakeAt === Infinity) break;
      this.#now = Math.max(this.#now, this.engine.wakeAt);
      this.engine.tick(this.#now);
      handled = this.engine.handle(connection, header, payload, this.#now);
    }
    const replied = outbox.messages.findIndex((m) => m.type !== MessageType.WATCH_EVENT);
    if (outbox.messages[replied]?.reqId !== reqId) throw new Error("no reply to this request");
    return Promise.resolve(outbox.messages.splice(0, replied + 1));
  }

  drain(name: string): Promise<Message[]> {
    return Promise.resolve(this.#find(name).outbox.take());
  }

  connections(): readonly string[] {
    return [...this.#open.keys()];
  }

  domain(domid: number, change: DomainChange): Promise<void> {
    this.#domains.list.change(domid, change);
    this.engine.domainsChanged();
    return Promise.resolve();
  }

  /** Whether the hypervisor has the domain. */
  knows(domid: number): boolean {
    return this.#domains.info(domid) !== null;
  }

  /** Whether the engine still serves the connection. */
  isOpen(name: string): boolean {
    return this.#find(name).connection.open;
  }

  /** The id of one of the connection's open transactions, or 0 when it has none. */
  transactionOf(name: string, choice: number): number {
    const ids = [...this.#find(name).connection.transactions.values()].map(({ id }) => id);
    return ids[choice % ids.length] ?? 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
