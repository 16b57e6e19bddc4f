import { systemClock } from "../../lib/clock.ts";
import { assertEquals } from "@std/assert";
import { Epoll } from "../../ffi/epoll.ts";
import { closeFd, listenUnix } from "../../ffi/unix_socket.ts";
import { check } from "../../lib/engine/recount.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { openStore, type StoreOptions } from "../../lib/journal/store_file.ts";
import type { StoreJournal } from "../../lib/journal/store_journal.ts";
import { HeldSockets } from "../../lib/server/supervision/held_sockets.ts";
import { SILENT } from "../../lib/server/logging/log.ts";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { Sockets } from "../../lib/server/peer/sockets.ts";
import { resumeStore } from "../../lib/server/persistence/resume_store.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { Turns } from "../../lib/server/scheduler.ts";
import { lookup, subtree } from "../../lib/store/lookup.ts";
import { toText } from "../../lib/wire/text.ts";
import { CrashPoints, MortalJournal } from "../support/crash_points.ts";
import { AcceptingHolder, LifeHolder } from "./life_holders.ts";
import { mortalSlots } from "./mortal_slot.ts";

const EAGER_STORE: StoreOptions = {
  durability: "crash",
  log: () => {},
  upkeep: {
    imageAfterBytes: 20_000,
    pagesPerCheckpoint: 40,
    rowsDeletedMax: 20,
    drainBytes: 4_000,
  },
  tailBytes: 65_536,
};

/** A daemon in this process, with true sockets, that dies and lives again. */
export class HeldLives {
  readonly points = new CrashPoints();
  readonly path: string;
  readonly holder: LifeHolder;
  readonly #folder: string;
  readonly #listener: number;
  #engine!: Engine;
  #turns!: Turns;
  #sockets!: Sockets;
  #epoll!: Epoll;
  #journal!: StoreJournal;
  /** How many lives there have been. */
  life = 0;
  #now = 0;

  /** `isAccepting`: who holds the connections accepts them, too. */
  constructor(folder: string, isAccepting: boolean) {
    this.#folder = folder;
    this.path = `${folder}/socket`;
    this.#listener = listenUnix(this.path, 100);
    this.holder = isAccepting
      ? new AcceptingHolder(this.points, this.#listener)
      : new LifeHolder(this.points);
    this.#begin();
  }

  #store(life: number): string {
    return `${this.#folder}/store${life}`;
  }

  /** False when it died over its recovery. */
  #begin(): boolean {
    this.life++;
    this.#journal = openStore(this.#store(this.life), EAGER_STORE).journal;
    this.#epoll = new Epoll(64);
    return this.points.run(() => {
      const journal = new MortalJournal(this.#journal, this.points);
      const domains = new MemoryDomains();
      const engine = new Engine({ domains, dirty: journal.dirty });
      this.#engine = engine;
      const turns = this.#turns = new Turns(engine, journal, new Trace(), SILENT);
      const held = HeldSockets.open(this.holder, SILENT, mortalSlots(this.points))!;
      held.passing = this.holder.passing();
      held.hold = (fd, epoll, passed = null) =>
        this.holder.accepted(
          fd,
          passed,
          () => HeldSockets.prototype.hold.call(held, fd, epoll, passed),
        );
      this.#sockets = new Sockets(
        this.#listener,
        this.#epoll,
        turns,
        engine,
        0,
        SILENT,
        systemClock,
        held,
      );
      turns.onGone = (peer, reason) => this.#sockets.gone(peer, reason);
      domains.attach(turns, engine);
      resumeStore(engine, domains, journal, SILENT, systemClock, this.#sockets);
      this.#sockets.open();
      assertEquals(check(engine.state), [], "counters differ from a recount");
    });
  }

  /** Kills the daemon, as it stands, and starts the next; `recoveryDies` at a step of that. */
  reincarnate(recoveryDies = Infinity): void {
    do {
      this.#copyStore();
      this.#epoll.close();
      this.holder.nextLife();
      this.points.reborn();
      this.points.arm(recoveryDies);
      recoveryDies = Infinity;
    } while (!this.#begin());
    this.points.arm(Infinity);
  }

  #copyStore(): void {
    const from = this.#store(this.life), to = this.#store(this.life + 1);
    for (const companion of ["", "-wal", ".tail"]) {
      Deno.copyFileSync(from + companion, to + companion);
    }
    this.#journal.close();
    Deno.removeSync(from);
  }

  get pending(): boolean {
    return this.#turns.pending;
  }

  /** Connections that the daemon knows. */
  get connections(): number {
    return this.#engine.state.connections.size;
  }

  /** What is ready, a turn if there is something to do, perhaps upkeep. False when it died. */
  turn(idle = true): boolean {
    this.holder.maintain();
    return this.points.run(() => {
      const count = this.#epoll.wait(0);
      for (let i = 0; i < count; i++) this.#sockets.event(this.#epoll.fd(i), this.#epoll.events(i));
      this.#sockets.eventsDone();
      if (this.#turns.pending) this.#turns.turn(this.#now++);
      this.#turns.maintain(idle);
    });
  }

  /** Values of the nodes below `top`, by their paths relative to it. */
  nodesBelow(top: string): Map<string, string> {
    const node = lookup(this.#engine.state.tree.root, top);
    const nodes = new Map<string, string>();
    if (node === null) return nodes;
    for (const [path, { value }] of subtree(node, top)) {
      if (path !== top) nodes.set(path.slice(top.length + 1), toText(value));
    }
    return nodes;
  }

  end(): void {
    this.#sockets.close();
    this.#epoll.close();
    this.#journal.close();
    closeFd(this.#listener);
    this.holder.close();
  }
}
