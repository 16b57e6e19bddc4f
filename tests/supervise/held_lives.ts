import { assertEquals } from "@std/assert";
import { Epoll } from "../../ffi/epoll.ts";
import { duplicateFrom } from "../../ffi/spawn.ts";
import { closeFd, listenUnix, setSendBuffer } from "../../ffi/unix_socket.ts";
import { check } from "../../lib/engine/check.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { openStore, type StoreOptions } from "../../lib/journal/store_file.ts";
import type { StoreJournal } from "../../lib/journal/store_journal.ts";
import { type DescriptorHolder, HeldSockets } from "../../lib/server/held_sockets.ts";
import { SILENT } from "../../lib/server/log.ts";
import { MemoryDomains } from "../../lib/server/memory_domains.ts";
import { Sockets } from "../../lib/server/sockets.ts";
import { takeUp } from "../../lib/server/take_up.ts";
import { Trace } from "../../lib/server/trace.ts";
import { Turns } from "../../lib/server/turn.ts";
import { lookup, subtree } from "../../lib/store/lookup.ts";
import { toText } from "../../lib/wire/text.ts";
import { CrashPoints, MortalJournal } from "../crash/crash_points.ts";
import { mortalSlots } from "./mortal_slot.ts";

const EAGER_STORE: StoreOptions = {
  durability: "crash",
  log: () => {},
  upkeep: {
    imageAfterBytes: 20_000,
    pagesPerCheckpoint: 40,
    turnsDeletedMax: 20,
    drainBytes: 4_000,
  },
  tailBytes: 65_536,
};

/** So little that most replies leave in parts. */
const SEND_BUFFER = 4_608;

/**
 * What keeps descriptors across the deaths of a daemon in this process, in which it may die, too.
 * The death of a process closes its descriptors: here this does.
 */
class TestHolder implements DescriptorHolder {
  readonly capacity = 1000;
  readonly held = new Map<string, number>();
  #offered = new Set<string>();
  readonly #owned = new Map<string, number>();
  readonly #points: CrashPoints;
  /** Connections that the daemon had accepted when it died, and could not give away any more. */
  lost = 0;

  constructor(points: CrashPoints) {
    this.#points = points;
  }

  /** The daemon is dead, and another comes. */
  nextLife(): void {
    for (const fd of this.#owned.values()) closeFd(fd);
    this.#owned.clear();
    this.#offered = new Set(this.held.keys());
  }

  get names(): string[] {
    return [...this.#offered];
  }

  take(name: string): number | null {
    if (!this.#offered.delete(name)) return null;
    const fd = duplicateFrom(this.held.get(name)!, 3);
    this.#owned.set(name, fd);
    return fd;
  }

  /** Until it is given away, a connection that was accepted ends with the daemon. */
  accepted<T>(fd: number, hold: () => T): T {
    setSendBuffer(fd, SEND_BUFFER);
    this.#owned.set("accepted", fd);
    this.lost++;
    const result = hold();
    this.lost--;
    this.#owned.delete("accepted");
    return result;
  }

  store(name: string, fd: number): boolean {
    this.#points.at("before giving away");
    if (this.#owned.get("accepted") === fd) this.#owned.delete("accepted");
    this.#owned.set(name, fd);
    this.held.set(name, duplicateFrom(fd, 3));
    this.#points.at("after giving away");
    return true;
  }

  remove(name: string): void {
    this.#points.at("before taking back");
    const fd = this.held.get(name);
    if (fd !== undefined) closeFd(fd);
    this.held.delete(name);
    this.#points.at("after taking back");
    // It is about to be closed.
    this.#owned.delete(name);
  }
}

/** A daemon in this process, with true sockets, that dies and lives again. */
export class HeldLives {
  readonly points = new CrashPoints();
  readonly path: string;
  readonly holder = new TestHolder(this.points);
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

  constructor(folder: string) {
    this.#folder = folder;
    this.path = `${folder}/socket`;
    this.#listener = listenUnix(this.path, 100);
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
      const engine = new Engine({ domains, recorder: journal.recorder });
      this.#engine = engine;
      const turns = this.#turns = new Turns(engine, journal, new Trace(), SILENT);
      const held = HeldSockets.open(this.holder, SILENT, mortalSlots(this.points))!;
      held.hold = (fd, epoll) =>
        this.holder.accepted(fd, () => HeldSockets.prototype.hold.call(held, fd, epoll));
      this.#sockets = new Sockets(this.#listener, this.#epoll, turns, engine, 0, SILENT, held);
      turns.onGone = (peer, reason) => this.#sockets.gone(peer, reason);
      domains.attach(turns, engine);
      takeUp(engine, domains, journal, SILENT, this.#sockets);
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
    return this.points.run(() => {
      const count = this.#epoll.wait(0);
      for (let i = 0; i < count; i++) this.#sockets.event(this.#epoll.fd(i), this.#epoll.events(i));
      this.#sockets.eventsDone();
      if (this.#turns.pending) this.#turns.turn(this.#now++);
      this.#turns.tend(idle);
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
    this.holder.nextLife();
    for (const fd of this.holder.held.values()) closeFd(fd);
  }
}
