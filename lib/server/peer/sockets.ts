import type { Clock } from "../../clock.ts";
import { type Epoll, EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from "../../../ffi/epoll.ts";
import { EAGAIN, ECONNABORTED, EMFILE, ENFILE, errorText } from "../../../ffi/libc.ts";
import { keepOnExec } from "../../../ffi/exec.ts";
import { acceptUnix, closeFd, peerCredentials } from "../../../ffi/unix_socket.ts";
import type { Connection } from "../../engine/connection.ts";
import type { ConnectionSpec } from "../../engine/connection_base.ts";
import type { RingState } from "../../state/ring_state.ts";
import type { HeldSocket } from "../../state/records.ts";
import { ACCEPTS_PER_TURN_MAX, READERS_MAX } from "../../limits.ts";
import type { HeldSocketTransport } from "../../transport/held_socket.ts";
import { SocketTransport } from "../../transport/socket.ts";
import type { HeldSockets } from "../supervision/held_sockets.ts";
import type { Log } from "../logging/log.ts";
import type { EventSink } from "../loop.ts";
import { SocketProcess } from "../process/socket_process.ts";
import type { PassedConnection, PassedConnections } from "../supervision/passed_connections.ts";
import { Peer } from "./peer.ts";
import type { GoneReason, InFlight } from "./peer_host.ts";
import type { HeldClients } from "../persistence/resume_store.ts";
import type { Turns } from "../scheduler.ts";

/** What makes and ends connections: the engine. */
export interface Connector {
  connect(spec: ConnectionSpec): Connection;
  disconnect(connection: Connection): void;
}

/** What clients become that are none of Xenstore's any more. */
export interface SocketStreams {
  /** Takes up the descriptor of a client that left, with what was not sent. */
  take(by: Connection, fd: number, unsent: Uint8Array): void;
  /** A client has ended, which may have been about to leave. */
  ended(by: Connection): void;
  /** Descriptor `fd`, which may be one of those, has the epoll bits `events`. */
  event(fd: number, events: number): void;
  /** Ends them all. */
  close(): void;
}

/** The listening socket and the clients that came through it. */
export class Sockets implements EventSink, HeldClients {
  readonly #listener: number;
  readonly #epoll: Epoll;
  readonly #turns: Turns;
  readonly #engine: Connector;
  readonly #domid: number;
  readonly #log: Log;
  readonly #held: HeldSockets | null;
  /** Where a supervisor accepts for us; null where we do. */
  #passing: PassedConnections | null;
  /** By descriptor, a small number. */
  readonly #peers: (Peer | undefined)[] = [];
  #acceptable = false;
  /** Where clients come in that may only look; -1 where none do. */
  readonly #readers: number;
  #readersWait = false;
  #readerCount = 0;
  #full = false;
  /** Set where a client can leave. */
  streams: SocketStreams | null = null;

  /**
   * `listener` stays the caller's to close. Clients speak for domain `domid`; `held` are theirs
   * where a holder keeps them while we are dead, and the journal knows of them.
   */
  constructor(
    listener: number,
    epoll: Epoll,
    turns: Turns,
    engine: Connector,
    domid: number,
    log: Log,
    private readonly clock: Clock,
    held: HeldSockets | null = null,
    readers = -1,
  ) {
    this.#listener = listener;
    this.#epoll = epoll;
    this.#turns = turns;
    this.#engine = engine;
    this.#domid = domid;
    this.#log = log;
    this.#held = held;
    this.#passing = held?.passing ?? null;
    this.#readers = readers;
    this.#watchDoors();
  }

  #watchDoors(): void {
    this.#epoll.add(this.#door, EPOLLIN);
    if (this.#readers >= 0) this.#epoll.add(this.#readers, EPOLLIN);
  }

  /** Where new clients show themselves. */
  get #door(): number {
    return this.#passing?.fd ?? this.#listener;
  }

  /** To be called when all is in place: who comes from now on is let in. */
  open(): void {
    this.#passing?.begin();
  }

  event(fd: number, events: number): void {
    if (fd === this.#door) {
      this.#acceptable = true;
      return;
    }
    if (fd === this.#readers) {
      this.#readersWait = true;
      return;
    }
    const peer = this.#peers[fd];
    if (peer === undefined) return this.streams?.event(fd, events);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) !== 0) this.#turns.ready(peer);
    // A hang-up while the input is not read shows itself only to who writes.
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) !== 0) this.#turns.unflushed(peer);
  }

  eventsDone(): void {
    if (this.#acceptable) this.#accept();
    this.#acceptable = false;
    if (this.#readersWait) this.#acceptReaders();
    this.#readersWait = false;
  }

  /** Their connections end with this process: nobody holds them, and no other program takes them up. */
  #acceptReaders(): void {
    for (let i = 0; i < ACCEPTS_PER_TURN_MAX && !this.#full; i++) {
      const fd = acceptUnix(this.#readers);
      if (fd < 0) {
        if (-fd !== EAGAIN && -fd !== ECONNABORTED) this.#acceptFailed(-fd);
        return;
      }
      if (this.#readerCount === READERS_MAX) {
        closeFd(fd);
        continue;
      }
      this.#readerCount++;
      this.#welcome(fd, null, true);
    }
  }

  /** Disconnects the clients that may only look: another program would give them all rights. */
  dropReaders(): void {
    for (const peer of this.#peers) if (peer?.connection.readOnly === true) this.#end(peer);
  }

  #accept(): void {
    for (let i = 0; i < ACCEPTS_PER_TURN_MAX; i++) {
      if (!(this.#passing === null ? this.#acceptOne() : this.#takeOne(this.#passing))) return;
    }
  }

  /** False when there is nobody, or no room. */
  #acceptOne(): boolean {
    this.#held?.prepare();
    const fd = acceptUnix(this.#listener);
    if (fd >= 0) {
      this.#connect(fd);
      return true;
    }
    if (-fd === ECONNABORTED) return true;
    if (-fd !== EAGAIN) this.#acceptFailed(-fd);
    return false;
  }

  /** The same of those that a supervisor has accepted for us. */
  #takeOne(passing: PassedConnections): boolean {
    if (!passing.hasRoom()) {
      this.#acceptFailed(EMFILE);
      return false;
    }
    const passed = passing.next();
    if (passed !== null) this.#takePassed(passed);
    if (passing.ended) this.#acceptOurselves(passing);
    return passed !== null && !this.#full;
  }

  #takePassed({ fd, name }: PassedConnection): void {
    if (fd === null) this.#acceptFailed(EMFILE);
    else this.#connect(fd, name);
  }

  #acceptOurselves(passing: PassedConnections): void {
    this.#log("warning", "our supervisor is gone: connections are accepted by this process");
    if (!this.#full) this.#epoll.remove(passing.fd);
    passing.close();
    this.#passing = null;
    if (!this.#full) this.#epoll.add(this.#listener, EPOLLIN);
  }

  #acceptFailed(code: number): void {
    this.#turns.tell("error", this.#domid, `cannot accept a connection: ${errorText(code)}`);
    if (code !== EMFILE && code !== ENFILE || this.#full) return;
    // Until a client leaves, the waiting client would wake the loop for nothing, again and again.
    this.#full = true;
    this.#epoll.remove(this.#door);
    if (this.#readers >= 0) this.#epoll.remove(this.#readers);
  }

  /**
   * Takes up a client's connection that another process had, with what is on its way.
   *
   * @throws {SystemCallError} when there is no such descriptor.
   */
  inherit(fd: number, flight: InFlight): Connection {
    keepOnExec(fd, false);
    const held = this.#held?.inherit(fd, this.#epoll) ?? null;
    const peer = this.#welcome(fd, held);
    peer.takeOver(flight);
    return peer.connection;
  }

  /** The descriptors of all clients' connections. */
  descriptors(): Map<Connection, number> {
    const descriptors = new Map<Connection, number>();
    this.#peers.forEach((peer, fd) => {
      if (peer !== undefined) descriptors.set(peer.connection, fd);
    });
    return descriptors;
  }

  /** A new client; `passed` is the name by which a holder has it already. */
  #connect(fd: number, passed: string | null = null): Peer {
    // First of all: till then its connection ends with this process, if nobody has it yet.
    const held = this.#held?.hold(fd, this.#epoll, passed) ?? null;
    return this.#welcome(fd, held);
  }

  #welcome(fd: number, held: HeldSocketTransport | null, readOnly = false): Peer {
    const transport = held ?? new SocketTransport(fd, this.#epoll);
    const process = this.#processOf(fd, this.#domid);
    const label = `socket ${fd} (${process.label})`;
    const key = held?.slot.key ?? -1;
    const peer = this.#add(transport, label, process, this.#domid, key, readOnly);
    this.#turns.ready(peer);
    return peer;
  }

  #processOf(fd: number, domid: number, labelBefore: string | null = null): SocketProcess {
    return new SocketProcess(domid, peerCredentials(fd), this.clock, labelBefore);
  }

  #add(
    transport: SocketTransport | HeldSocketTransport,
    label: string,
    process: SocketProcess,
    domid: number,
    key: number,
    readOnly = false,
  ): Peer {
    const { fd } = transport;
    const peer = new Peer("socket", fd, transport, this.#turns);
    const spec = { kind: "socket", domid, label, outbox: peer, key, process, readOnly } as const;
    peer.connection = this.#engine.connect(spec);
    this.#peers[fd] = peer;
    if (this.#turns.trace.obj) this.#turns.trace.connection("CREATE", peer.connection.id);
    return peer;
  }

  reopen(was: HeldSocket, ring: RingState): Connection | null {
    const transport = this.#held?.reopen(ring, this.#epoll) ?? null;
    if (transport === null) return null;
    const label = was.label.replace(/^socket \d+/, `socket ${transport.fd}`);
    const process = this.#processOf(transport.fd, was.domid, was.label);
    const peer = this.#add(transport, label, process, was.domid, was.key);
    peer.resume(ring);
    return peer.connection;
  }

  /**
   * Lets nobody in any more, so that all who were let in can be told to another program; they are
   * again from {@link open} on. False when that is not possible.
   */
  shut(): boolean {
    return this.#passing?.stop((passed) => this.#takePassed(passed)) ?? true;
  }

  /** See {@link HeldSockets.keep}; null when nothing is held. */
  keep(): Map<string, number> | null {
    return this.#held?.keep() ?? null;
  }

  /** See {@link HeldSockets.forgetRest}. */
  forgetRest(): void {
    this.#held?.forgetRest();
  }

  /** Before another program takes this process's place, and if that was not possible. */
  giveUp(): void {
    this.#held?.giveUp();
  }

  takeBack(): void {
    this.#held?.takeBack();
  }

  takeRest(): void {
    for (const transport of this.#held?.takeRest(this.#epoll) ?? []) {
      this.#welcome(transport.fd, transport);
    }
    for (const { fd, name } of this.#held?.takeUntaken() ?? []) this.#connect(fd, name);
  }

  *states(): Generator<RingState> {
    for (const peer of this.#peers) {
      if (peer !== undefined && peer.connection.key >= 0) yield peer.wholeState();
    }
  }

  /** A client's peer has ended: forgets it. */
  gone(peer: Peer, reason: GoneReason): void {
    if (reason === "left" && this.streams !== null) return this.#letLeave(peer, this.streams);
    if (reason === "oversize") {
      const { domid, label } = peer.connection;
      this.#turns.tell(
        "warning",
        domid,
        `${label}: disconnected: a message longer than 4096 bytes`,
      );
    }
    this.#end(peer);
    if (!this.#full) return;
    this.#full = false;
    this.#watchDoors();
    this.#passing?.roomMade();
  }

  #end(peer: Peer): void {
    this.#forget(peer);
    this.streams?.ended(peer.connection);
    peer.close();
  }

  #letLeave(peer: Peer, streams: SocketStreams): void {
    this.#forget(peer);
    const { fd, unsent } = peer.detach();
    streams.take(peer.connection, fd, unsent);
  }

  #forget(peer: Peer): void {
    this.#peers[peer.key] = undefined;
    if (peer.connection.readOnly) this.#readerCount--;
    if (this.#turns.trace.obj) this.#turns.trace.connection("DESTROY", peer.connection.id);
    this.#engine.disconnect(peer.connection);
  }

  /** Disconnects all clients. */
  close(): void {
    for (const peer of this.#peers) if (peer !== undefined) this.#end(peer);
    this.streams?.close();
    this.#held?.close();
  }
}
