import { systemClock } from "../../lib/clock.ts";
import { Epoll } from "../../ffi/epoll.ts";
import { duplicateFrom } from "../../ffi/spawn.ts";
import { closeFd } from "../../ffi/unix_socket.ts";
import { setSendBuffer } from "../support/unix_socket.ts";
import { Acceptor } from "../../lib/server/supervision/acceptor.ts";
import { HeldDescriptors, parseNotice } from "../../lib/server/supervision/descriptor_store.ts";
import type { DescriptorHolder } from "../../lib/server/supervision/held_sockets.ts";
import { SILENT } from "../../lib/server/logging/log.ts";
import {
  NOTICE,
  PassedConnections,
  type Passer,
  PREFIX,
} from "../../lib/server/supervision/passed_connections.ts";
import type { CrashPoints } from "../support/crash_points.ts";

/** So little that most replies leave in parts. */
const SEND_BUFFER = 4_608;

const CAPACITY = 300;
const LISTENER = "listen-1";

/**
 * What keeps descriptors across the deaths of a daemon in this process, in which it may die, too.
 * The death of a process closes its descriptors: here this does.
 */
export class LifeHolder implements DescriptorHolder {
  readonly capacity = CAPACITY;
  readonly gone = false;
  protected readonly held: HeldDescriptors = new HeldDescriptors(CAPACITY, SILENT, systemClock);
  protected readonly points: CrashPoints;
  /** What the daemon has, by a name that it is kept by or another. */
  protected readonly owned = new Map<string, number>();
  #offered = new Set<string>();
  /** Connections that the daemon had accepted when it died, and could not give away any more. */
  lost = 0;

  constructor(points: CrashPoints) {
    this.points = points;
  }

  /** The daemon is dead, and another comes. */
  nextLife(): void {
    for (const fd of this.owned.values()) closeFd(fd);
    this.owned.clear();
    this.#offered = new Set(this.held.all.map(({ name }) => name.slice(PREFIX.length)));
  }

  /** Where the daemon gets its clients, if not from the listening socket itself. */
  passing(): PassedConnections | null {
    return null;
  }

  /** Who holds does what there is to do. */
  maintain(): void {}

  /** How many descriptors of clients, and of their counts, are held. */
  get count(): number {
    return this.held.all.filter(({ name }) => name !== PREFIX + LISTENER).length;
  }

  get names(): string[] {
    return [...this.#offered];
  }

  take(name: string): number | null {
    if (!this.#offered.delete(name)) return null;
    const fd = duplicateFrom(this.held.find(PREFIX + name)!, 3);
    this.owned.set(name, fd);
    return fd;
  }

  /** Until it is given away, a connection that was accepted ends with the daemon. */
  accepted<T>(fd: number, passed: string | null, hold: () => T): T {
    setSendBuffer(fd, SEND_BUFFER);
    if (passed !== null) this.owned.delete(passed);
    this.owned.set("accepted", fd);
    if (passed === null) this.lost++;
    const result = hold();
    if (passed === null) this.lost--;
    this.owned.delete("accepted");
    return result;
  }

  store(name: string, fd: number): boolean {
    this.points.at("before giving away");
    if (this.owned.get("accepted") === fd) this.owned.delete("accepted");
    this.owned.set(name, fd);
    this.held.keep(PREFIX + name, fd);
    this.points.at("after giving away");
    return true;
  }

  prepare(name: string): (fd: number) => boolean {
    return (fd) => this.store(name, fd);
  }

  rename(from: string, to: string): boolean {
    this.points.at("before renaming");
    const fd = this.owned.get("accepted");
    if (fd !== undefined) this.owned.set(to, fd);
    this.owned.delete("accepted");
    this.hear(`${NOTICE.taken}=${PREFIX}${from}\nFDNAME=${PREFIX}${to}`);
    this.points.at("after renaming");
    return true;
  }

  remove(name: string): void {
    this.points.at("before taking back");
    this.hear(`FDSTOREREMOVE=1\nFDNAME=${PREFIX}${name}`);
    this.points.at("after taking back");
    // It is about to be closed.
    this.owned.delete(name);
  }

  protected hear(text: string): void {
    this.held.apply(parseNotice(text), { fds: [] });
  }

  close(): void {
    this.nextLife();
    this.held.close();
  }
}

/** One that accepts connections for the daemon, as our supervisor does. */
export class AcceptingHolder extends LifeHolder implements Passer {
  readonly #epoll = new Epoll(4);
  readonly #acceptor = new Acceptor(this.held, this.#epoll, SILENT);

  constructor(points: CrashPoints, listener: number) {
    super(points);
    this.held.keep(PREFIX + LISTENER, listener);
  }

  override nextLife(): void {
    super.nextLife();
    this.#acceptor.close();
  }

  override passing(): PassedConnections {
    const { fd } = this.#acceptor.open();
    this.owned.set("channel", fd);
    const passing = new PassedConnections(fd, LISTENER, this, systemClock);
    passing.close = () => {
      if (this.owned.delete("channel")) closeFd(fd);
    };
    return passing;
  }

  /** As the death of who accepts shows itself to the daemon. */
  endChannel(): void {
    this.#acceptor.close();
  }

  accept(listener: string | null): void {
    this.hear(`${NOTICE.accept}=${listener === null ? "" : PREFIX + listener}`);
  }

  again(name: string): void {
    this.hear(`${NOTICE.again}=${name}`);
  }

  protected override hear(text: string): void {
    this.#acceptor.apply(parseNotice(text));
    super.hear(text);
  }

  override maintain(): void {
    const count = this.#epoll.wait(0);
    for (let i = 0; i < count; i++) {
      if (this.#acceptor.watches(this.#epoll.fd(i))) this.#acceptor.accept();
    }
  }

  override close(): void {
    super.close();
    this.#epoll.close();
  }
}
