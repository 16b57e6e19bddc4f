import { systemClock } from "../../lib/clock.ts";
import { assert, assertEquals } from "@std/assert";
import { check } from "../../lib/engine/recount.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { openStore, type StoreOptions } from "../../lib/journal/store_file.ts";
import type { StoreJournal } from "../../lib/journal/store_journal.ts";
import { type Log, SILENT } from "../../lib/server/logging/log.ts";
import type { OutOfMemoryDeaths } from "../../lib/server/process/out_of_memory_deaths.ts";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { Peer } from "../../lib/server/peer/peer.ts";
import { resumeStore } from "../../lib/server/persistence/resume_store.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { Turns } from "../../lib/server/scheduler.ts";
import { lookup, subtree } from "../../lib/store/lookup.ts";
import { MemoryTransport } from "../support/memory_transport.ts";
import { decodeHeader, emptyHeader, encodeMessage, HEADER_SIZE } from "../../lib/wire/header.ts";
import { MessageType, messageTypeName } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { CrashPoints, MortalJournal, watchDatabases } from "../support/crash_points.ts";

/** So eager that images, deletions, checkpoints and full tails happen all the time. */
const EAGER_STORE: StoreOptions = {
  durability: "crash",
  log: () => {},
  upkeep: {
    imageAfterBytes: 20_000,
    pagesPerCheckpoint: 40,
    rowsDeletedMax: 20,
    drainBytes: 4_000,
  },
  tailBytes: 16_384,
};

/** A daemon in this process that dies and lives again, over one hypervisor and one store. */
export class MemoryLives {
  readonly domains = new MemoryDomains();
  readonly points = new CrashPoints();
  readonly #folder: string;
  readonly #unwatch = watchDatabases(this.points);
  #engine!: Engine;
  #turns!: Turns;
  #journal!: StoreJournal;
  /** What the next life takes for the mark of those before. */
  mark: (() => OutOfMemoryDeaths) | null = null;
  /** What was said at the starts. */
  readonly lines: string[] = [];
  /** How many lives there have been. */
  life = 0;
  #sockets = 0;
  #now = 0;

  constructor(folder: string) {
    this.#folder = folder;
    this.#begin();
  }

  #path(life: number): string {
    return `${this.#folder}/store${life}`;
  }

  #begin(): void {
    this.life++;
    this.points.reborn();
    this.#journal = openStore(this.#path(this.life), EAGER_STORE).journal;
    const journal = new MortalJournal(this.#journal, this.points);
    const { domains } = this;
    this.#engine = new Engine({ domains, dirty: journal.dirty });
    this.#turns = new Turns(this.#engine, journal, new Trace(), SILENT);
    this.#turns.onGone = (peer) => {
      if (peer.kind === "ring") return domains.gone(peer);
      this.#engine.disconnect(peer.connection);
      peer.close();
    };
    domains.attach(this.#turns, this.#engine);
    const log: Log = (_, text) => void this.lines.push(text);
    resumeStore(this.#engine, domains, journal, log, systemClock, undefined, this.mark?.());
    assertEquals(check(this.#engine.state), [], "counters differ from a recount");
  }

  /** Kills the daemon, as it stands, and starts the next. */
  reincarnate(): void {
    const from = this.#path(this.life), to = this.#path(this.life + 1);
    for (const companion of ["", "-wal", ".tail"]) {
      Deno.copyFileSync(from + companion, to + companion);
    }
    this.#journal.close();
    Deno.removeSync(from);
    this.#begin();
  }

  get pending(): boolean {
    return this.#turns.pending;
  }

  /** A turn, if there is something to do; then perhaps upkeep. False when the daemon died. */
  turn(idle = true): boolean {
    return this.points.run(() => {
      if (this.#turns.pending) this.#turns.turn(this.#now++);
      this.#turns.maintain(idle);
    });
  }

  /** A client in dom0. */
  connect(): SocketClient {
    const [near, far] = MemoryTransport.pair();
    const turns = this.#turns;
    const peer = new Peer("socket", ++this.#sockets, near, turns);
    near.onChange = () => turns.ready(peer);
    peer.connection = this.#engine.connect({
      kind: "socket",
      domid: 0,
      label: `socket ${this.#sockets}`,
      outbox: peer,
    });
    return new SocketClient(far, () => this.turn());
  }

  /** Paths and tokens of a domain's watches. */
  watchesOf(domid: number): string[] {
    const { connection } = this.#engine.state.domains.get(domid)!;
    return [...connection!.watches.values()].map(({ path, token }) => `${path} ${token}`);
  }

  isIntroduced(domid: number): boolean {
    return this.#engine.state.domains.get(domid)?.introduced ?? false;
  }

  /** Values of the nodes below `top`, by their paths relative to it; null without `top`. */
  nodesBelow(top: string): Map<string, string> | null {
    const node = lookup(this.#engine.state.tree.root, top);
    if (node === null) return null;
    const nodes = new Map<string, string>();
    for (const [path, { value }] of subtree(node, top)) {
      if (path !== top) nodes.set(path.slice(top.length + 1), toText(value));
    }
    return nodes;
  }

  end(): void {
    this.#unwatch();
    this.#journal.close();
  }
}

/** The daemon died before it answered. */
export class HungUp extends Error {}

/** A client on a socket: one request at a time. */
export class SocketClient {
  readonly #end: MemoryTransport;
  readonly #turn: () => boolean;
  readonly events: string[] = [];

  constructor(end: MemoryTransport, turn: () => boolean) {
    this.#end = end;
    this.#turn = turn;
  }

  /**
   * The reply: its type and text, such as `READ value`.
   *
   * @throws {HungUp} when the daemon dies over it.
   */
  ask(type: number, payload: string): string {
    const bytes = encodeMessage(type, 7, 0, toBytes(payload)).slice();
    assertEquals(this.#end.write(bytes, 0, bytes.length), bytes.length);
    const buffer = new Uint8Array(65_536);
    for (let turns = 0; turns < 100; turns++) {
      const alive = this.#turn();
      const count = this.#end.read(buffer, 0, buffer.length);
      for (let at = 0; at < count;) {
        const { type, len } = decodeHeader(buffer, at, emptyHeader());
        const text = toText(buffer, at + HEADER_SIZE, at + HEADER_SIZE + len);
        at += HEADER_SIZE + len;
        if (type !== MessageType.WATCH_EVENT) return `${messageTypeName(type)} ${text}`;
        this.events.push(text);
      }
      if (!alive) throw new HungUp();
    }
    assert(false, `no answer to ${messageTypeName(type)} ${payload}`);
  }
}
