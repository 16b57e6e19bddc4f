import { assertEquals } from "@std/assert";
import { Engine } from "../../lib/engine/engine.ts";
import type { Connection } from "../../lib/engine/connection.ts";
import type { Outbox } from "../../lib/engine/connection_base.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";

/** An engine with guests, its log, and a clock that a test moves. */
export class Rig {
  readonly log: string[] = [];
  now = 1;
  reply = "";
  #dead = -1;
  readonly #outbox: Outbox = {
    reply: (_type, _reqId, _txId, payload) => this.reply = toText(payload),
    event: () => {},
  };
  readonly #engine = new Engine({
    domains: {
      info: (domid) => domid === this.#dead ? null : { domid, state: 1, uniqueId: BigInt(domid) },
      open: (connection) => {
        connection.outbox = this.#outbox;
        return 0;
      },
      reset: () => {},
      close: () => {},
    },
    log: (level, text) => void this.log.push(`${level}: ${text}`),
  });
  readonly #dom0: Connection;

  constructor() {
    const outbox = this.#outbox;
    this.#dom0 = this.#engine.connect({ kind: "socket", domid: 0, label: "dom0", outbox });
  }

  /** Introduces a domain with a directory `data` of its own and these quotas. */
  guest(domid: number, quotas: Readonly<Record<string, number>>): void {
    const data = `/local/domain/${domid}/data`, lines = this.log.length;
    assertEquals(this.ask(0, T.MKDIR, data), "OK\0");
    assertEquals(this.ask(0, T.SET_PERMS, data, `n${domid}`), "OK\0");
    assertEquals(this.ask(0, T.INTRODUCE, `${domid}`, "1", "5"), "OK\0");
    for (const [name, value] of Object.entries(quotas)) {
      assertEquals(this.ask(0, T.SET_QUOTA, `${domid}`, name, `${value}`), "OK\0");
    }
    // What is said of the introduction itself.
    this.log.length = lines;
  }

  /** The reply to a request of a domain. */
  ask(domid: number, type: number, ...args: string[]): string {
    return this.askIn(domid, 0, type, ...args);
  }

  /** The same in a transaction. */
  askIn(domid: number, txId: number, type: number, ...args: string[]): string {
    const last = type === T.WRITE ? "" : "\0";
    const payload = toBytes(args.join("\0") + last);
    const { state } = this.#engine;
    const connection = domid === 0 ? this.#dom0 : state.domains.get(domid)!.connection!;
    const header = { type, reqId: 1, txId, len: payload.length };
    this.#engine.handle(connection, header, payload, this.now);
    return this.reply;
  }

  /** The domain dies; another one may get its domid. */
  kill(domid: number): void {
    this.#dead = domid;
    this.#engine.domainsChanged();
    this.#dead = -1;
  }

  /** The most nodes that the domid's present holder has had. */
  peak(domid: number): number {
    return this.#engine.state.accounts.of(domid).peak.nodes;
  }

  /** A value of `bytes` bytes for a node of domain 1. */
  fill(bytes: number, name = "a"): string {
    return this.ask(1, T.WRITE, `data/${name}`, "x".repeat(bytes));
  }

  /** The lines of the log since the last look. */
  told(): string[] {
    return this.log.splice(0);
  }
}
