/**
 * A daemon without its loop, turned by hand, whose every byte is the same in each run. This is the only file of
 * the golden tests that knows how the program is put together.
 */
import { concat } from "@std/bytes/concat";
import { systemClock } from "../../lib/clock.ts";
import { assert, assertEquals } from "@std/assert";
import { NO_ACTIONS } from "../../lib/engine/daemon_actions.ts";
import { check } from "../../lib/engine/recount.ts";
import type { Connection } from "../../lib/engine/connection.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import type { StoreJournal } from "../../lib/journal/store_journal.ts";
import { JobQueue } from "../../lib/server/jobs/job_queue.ts";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { encodeHandOver } from "../../lib/server/live_update/hand_over.ts";
import { SILENT } from "../../lib/server/logging/log.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { Peer } from "../../lib/server/peer/peer.ts";
import { resumeStore } from "../../lib/server/persistence/resume_store.ts";
import { Turns } from "../../lib/server/scheduler.ts";
import { MemoryTransport } from "../support/memory_transport.ts";
import { decodeHeader, emptyHeader, encodeMessage, HEADER_SIZE } from "../../lib/wire/header.ts";
import { MessageType, messageTypeName } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";

/** A client's end: of a ring, or of a socket. */
interface End {
  read(into: Uint8Array<ArrayBuffer>, at: number, end: number): number;
  write(from: Uint8Array<ArrayBuffer>, at: number, end: number): number;
}

/** Turns after which work that was asked for must be done. */
const TURNS_MAX = 1_000;

/** A client that asks one thing at a time. */
export class Client {
  constructor(readonly end: End, private readonly turn: () => void) {}

  /** Sends a request; only its first `length` bytes where that is given. */
  send(type: keyof typeof MessageType, payload: string, txId = 0, length?: number): void {
    const bytes = encodeMessage(MessageType[type], 7, txId, toBytes(payload)).slice(0, length);
    assertEquals(this.end.write(bytes, 0, bytes.length), bytes.length);
    this.turn();
  }

  /** The reply's bytes. Events are dropped. */
  bytes(type: keyof typeof MessageType, payload: string, txId = 0): Uint8Array {
    this.send(type, payload, txId);
    const buffer = new Uint8Array(65_536);
    const count = this.end.read(buffer, 0, buffer.length);
    for (let at = 0; at < count;) {
      const { len, type: found } = decodeHeader(buffer, at, emptyHeader());
      const reply = buffer.subarray(at + HEADER_SIZE, at + HEADER_SIZE + len);
      at += HEADER_SIZE + len;
      if (found === MessageType.WATCH_EVENT) continue;
      const text = `${messageTypeName(found)} ${toText(reply)}`;
      assertEquals(found, MessageType[type], `${type} ${JSON.stringify(payload)}: ${text}`);
      return reply;
    }
    throw new Error(`no answer to ${type} ${payload}`);
  }

  /** The reply, without a NUL at its end. */
  ask(type: keyof typeof MessageType, payload: string, txId = 0): string {
    return toText(this.bytes(type, payload, txId)).replace(/\0$/, "");
  }

  /** The reply to CONTROL. */
  control(...words: string[]): string {
    return this.ask("CONTROL", words.map((word) => `${word}\0`).join(""));
  }
}

/** What a world may begin with. */
export interface WorldOptions {
  /** The hypervisor of a world before it. */
  readonly domains?: MemoryDomains;
}

/** The command line of this daemon. */
const TOLD: Readonly<Record<string, string>> = { "trace-switch io": "off" };

export class World {
  readonly domains: MemoryDomains;
  readonly #engine: Engine;
  readonly #turns: Turns;
  readonly #journal: StoreJournal;
  readonly #sockets = new Map<Connection, number>();
  #now = 0;

  /** Goes on with what is in the store file at `path`, or makes it. */
  constructor(readonly path: string, options: WorldOptions = {}) {
    this.domains = options.domains ?? new MemoryDomains();
    this.#journal = openStore(path, { durability: "crash", bootId: "golden", log: SILENT }).journal;
    const switches = new Map([["io", false]]);
    const admin = {
      ...NO_ACTIONS,
      archive: null as JobQueue | null,
      configured: (setting: string): string | null => TOLD[setting] ?? null,
      switches: () => [...switches],
      setSwitch: (name: string, on: boolean): boolean =>
        switches.has(name) && !!switches.set(name, on),
    };
    this.#engine = new Engine({ domains: this.domains, dirty: this.#journal.dirty, admin });
    this.#turns = new Turns(this.#engine, this.#journal, new Trace(), SILENT);
    admin.archive = new JobQueue(
      this.#engine.state,
      this.#turns,
      this.#journal,
      SILENT,
      systemClock,
    );
    this.domains.attach(this.#turns, this.#engine);
    resumeStore(this.#engine, this.domains, this.#journal, SILENT, systemClock);
    this.settle();
  }

  /** Turns until there is nothing to be done. */
  settle(): void {
    for (let count = 0; this.#turns.pending; count++) {
      assert(count < TURNS_MAX, "it does not come to rest");
      this.#turns.turn(this.#now++);
    }
  }

  /** A client in dom0; with a `key`, its socket is held for the daemon. */
  connect(label: string, key?: number): Client {
    const [near, far] = MemoryTransport.pair();
    const peer = new Peer("socket", this.#sockets.size + 1, near, this.#turns);
    near.onChange = () => this.#turns.ready(peer);
    const spec = { kind: "socket", domid: 0, label, outbox: peer } as const;
    peer.connection = this.#engine.connect(key === undefined ? spec : { ...spec, key });
    this.#sockets.set(peer.connection, 10 + this.#sockets.size);
    return new Client(far, () => this.settle());
  }

  /** An introduced domain's guest. */
  guest(domid: number): Client {
    return new Client(this.domains.guest(domid), () => this.settle());
  }

  /** The stream that the next daemon finds at a live update. */
  liveUpdateStream(kind: "xs" | "c", version: 1 | 2): Uint8Array {
    const { state } = this.#engine;
    const parts = {
      ...{ state, domains: this.domains, journal: this.#journal, listener: 5, log: SILENT },
      sockets: { descriptors: () => this.#sockets },
    } as unknown as Parameters<typeof encodeHandOver>[0];
    const next = { file: "", words: [], stateFile: "", cache: null, takesHeld: true };
    const steps = encodeHandOver(parts, { ...next, kind, version });
    for (;;) {
      const step = steps.next();
      if (step.done === true) return concat(step.value.pieces);
    }
  }

  /** Writes an image of everything into a new store file at `path`. */
  imageInto(path: string): void {
    const { journal } = openStore(path, { durability: "crash", bootId: "golden", log: SILENT });
    journal.begin({ state: this.#engine.state, rings: () => this.domains.rings() });
    journal.close();
  }

  /** What a recount finds wrong. */
  check(): string[] {
    return check(this.#engine.state);
  }

  /** The files as a sudden death would leave them now, at another place. */
  copyFiles(to: string): void {
    for (const companion of ["", "-wal", ".tail"]) {
      Deno.copyFileSync(this.path + companion, to + companion);
    }
  }

  close(): void {
    this.#journal.close();
  }
}
