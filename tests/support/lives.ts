/** Lives of an engine, one after the other on one store file, each killed at its end. */
import { type Clock, systemClock } from "../../lib/clock.ts";
import { assertEquals } from "@std/assert";
import { check } from "../../lib/engine/recount.ts";
import type { Connection } from "../../lib/engine/connection.ts";
import type { DomainControl, DomainInfo } from "../../lib/engine/domain_control.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { QUOTAS, type Quotas } from "../../lib/engine/quotas.ts";
import type { State } from "../../lib/engine/state.ts";
import type { Durability } from "../../lib/journal/database.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import type { Upkeep } from "../../lib/journal/journal_parts.ts";
import type { StoreJournal } from "../../lib/journal/store_journal.ts";
import { subtree } from "../../lib/store/lookup.ts";
import { messageTypeName } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";

/** Domains that need no rings: their outboxes keep the latest reply. */
export class Hypervisor implements DomainControl {
  readonly #domains = new Map<number, DomainInfo>();
  readonly replies = new Map<number, string>();
  #uniqueIdLast = 0n;

  create(domid: number): void {
    this.#domains.set(domid, { domid, state: 1, uniqueId: ++this.#uniqueIdLast });
  }

  destroy(domid: number): void {
    this.#domains.delete(domid);
  }

  shutDown(domid: number): void {
    const { uniqueId } = this.#domains.get(domid)!;
    this.#domains.set(domid, { domid, state: 3, uniqueId });
  }

  info(domid: number): DomainInfo | null {
    return this.#domains.get(domid) ?? null;
  }

  open(connection: Connection): number {
    if (!this.#domains.has(connection.domid)) return 1;
    connection.outbox = {
      reply: (type, _reqId, _txId, payload) =>
        void this.replies.set(connection.domid, `${messageTypeName(type)} ${toText(payload)}`),
      event: () => {},
    };
    return 0;
  }

  reopen(connection: Connection): number {
    return this.open(connection);
  }

  reset(): void {}
  close(): void {}
}

/** So small that it is full again and again. */
const TEST_TAIL_BYTES = 16_384;

/** From one start of the daemon to its death. */
export class Life {
  readonly engine: Engine;
  readonly journal: StoreJournal;
  readonly #hypervisor: Hypervisor;
  #socket: Connection;
  #reply = "";

  constructor(
    hypervisor: Hypervisor,
    readonly path: string,
    upkeep?: Upkeep,
    durability: Durability = "crash",
    bootId = "",
    log: (level: string, text: string) => void = () => {},
    clock: Clock = systemClock,
  ) {
    this.#hypervisor = hypervisor;
    const options = { durability, bootId, log, clock, tailBytes: TEST_TAIL_BYTES };
    const store = openStore(path, upkeep === undefined ? options : { ...options, upkeep });
    this.journal = store.journal;
    this.engine = new Engine({ domains: hypervisor, dirty: this.journal.dirty });
    const { state } = this.engine;
    const recovered = this.journal.recover(state);
    this.journal.begin({ state, rings: () => [] });
    for (const domain of recovered?.dead ?? []) state.releaseDomain(domain);
    const outbox = {
      reply: (type: number, _reqId: number, _txId: number, payload: Uint8Array): void => {
        this.#reply = `${messageTypeName(type)} ${toText(payload)}`;
      },
      event: (): void => {},
    };
    this.#socket = this.engine.connect({ kind: "socket", domid: 0, label: "socket", outbox });
  }

  /** What is answered to a request of dom0's client (0) or of a guest; null without a ring. */
  ask(domid: number, type: number, payload: string, txId = 0): string | null {
    const { state } = this.engine;
    const connection = domid === 0 ? this.#socket : state.domains.get(domid)?.connection ?? null;
    if (connection === null) return null;
    const bytes = toBytes(payload);
    this.engine.handle(connection, { type, reqId: 0, txId, len: bytes.length }, bytes, 0);
    return domid === 0 ? this.#reply : this.#hypervisor.replies.get(domid)!;
  }

  get state(): State {
    return this.engine.state;
  }

  /** The files as a sudden death would leave them now, at another place. */
  copyFiles(to: string): void {
    for (const companion of ["", "-wal", ".tail"]) {
      Deno.copyFileSync(this.path + companion, to + companion);
    }
  }

  close(): void {
    this.journal.close();
  }
}

/**
 * All that must survive, a thing a line. The count of generations is not: what has been counted
 * but stands in no committed node is lost with the transaction that counted it.
 */
export function wholeState(state: State): string[] {
  const lines = [`quotas ${show(state.domains.quotas)}`];
  for (
    const { configured, name, value } of [...state.settings].sort((a, b) =>
      a.name < b.name ? -1 : 1
    )
  ) {
    lines.push(`setting ${name} = ${value}, not ${configured}`);
  }
  for (const [path, { value, perms, generation }] of subtree(state.tree.root)) {
    lines.push(`${path} = ${JSON.stringify(toText(value))} ${perms} ${generation}`);
  }
  for (const [path, node] of subtree(state.tree.root)) {
    if (path !== "/") lines.push(`${path} is child ${node.ordinal}`);
  }
  for (const [path, { perms, generation }] of [...state.specials].sort()) {
    lines.push(`${path} ${perms} ${generation}`);
  }
  for (const domain of [...state.domains.all()].sort((a, b) => a.domid - b.domid)) {
    const { connection, domid, features, introduced, port, quotas } = domain;
    const { shutdownSeen, target, uniqueId } = domain;
    lines.push(`domain ${domid} ${uniqueId} ${introduced} ${port} ${target} ${features}`);
    lines.push(`domain ${domid} ${shutdownSeen} ${connection !== null} ${show(quotas)}`);
    if (connection === null) continue;
    const ids = [...connection.transactions.values()].map(({ id }) => id).sort((a, b) => a - b);
    lines.push(`transactions ${ids} of ${domid}, last ${connection.transactionIdLast}`);
    for (const { path, token, relative, depth } of connection.watches.values()) {
      // No path is deeper: all greater depths are as good.
      lines.push(`watch ${domid} ${path} ${token} ${relative} ${Math.min(depth, 9999)}`);
    }
  }
  return lines;
}

function show(quotas: Quotas): string {
  return QUOTAS.map(({ name }) => quotas.get(name)).join(" ");
}

/** Fails unless a new life begun on a copy of `life`'s file has all that `life` has. */
export function assertSurvives(life: Life, hypervisor: Hypervisor, copy: string): void {
  assertEquals(life.journal.commit(), true);
  life.copyFiles(copy);
  const next = new Life(hypervisor, copy);
  try {
    assertEquals(wholeState(next.state), wholeState(life.state));
    assertEquals(check(next.state), [], "counters differ from a recount");
  } finally {
    next.close();
  }
}
