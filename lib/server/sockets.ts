import { type Epoll, EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from "../../ffi/epoll.ts";
import { EAGAIN, ECONNABORTED, EMFILE, ENFILE, errorText } from "../../ffi/libc.ts";
import { keepOnExec } from "../../ffi/exec.ts";
import { acceptUnix, peerPid } from "../../ffi/unix_socket.ts";
import type { Connection, ConnectionSpec } from "../engine/connection.ts";
import type { RingState } from "../engine/domain_control.ts";
import type { HeldState } from "../journal/changes.ts";
import { ACCEPTS_PER_TURN_MAX } from "../limits.ts";
import type { HeldSocketTransport } from "../transport/held_socket.ts";
import { SocketTransport } from "../transport/socket.ts";
import type { HeldSockets } from "./held_sockets.ts";
import type { Log } from "./log.ts";
import type { EventSink } from "./loop.ts";
import { Peer } from "./peer.ts";
import type { GoneReason, InFlight } from "./peer_host.ts";
import type { HeldClients } from "./take_up.ts";
import type { Turns } from "./turn.ts";

/** What makes and ends connections: the engine. */
export interface Connector {
  connect(spec: ConnectionSpec): Connection;
  disconnect(connection: Connection): void;
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
  /** By descriptor, a small number. */
  readonly #peers: (Peer | undefined)[] = [];
  #acceptable = false;
  #full = false;

  /**
   * `listener` stays the caller's to close. Clients speak for domain `domid`; `held` are theirs
   * where somebody holds them while we are dead, and the journal knows of them.
   */
  constructor(
    listener: number,
    epoll: Epoll,
    turns: Turns,
    engine: Connector,
    domid: number,
    log: Log,
    held: HeldSockets | null = null,
  ) {
    this.#listener = listener;
    this.#epoll = epoll;
    this.#turns = turns;
    this.#engine = engine;
    this.#domid = domid;
    this.#log = log;
    this.#held = held;
    epoll.add(listener, EPOLLIN);
  }

  event(fd: number, events: number): void {
    if (fd === this.#listener) {
      this.#acceptable = true;
      return;
    }
    const peer = this.#peers[fd];
    if (peer === undefined) return;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) !== 0) this.#turns.ready(peer);
    // A hang-up while the input is not read shows itself only to who writes.
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) !== 0) this.#turns.unflushed(peer);
  }

  eventsDone(): void {
    if (this.#acceptable) this.#accept();
    this.#acceptable = false;
  }

  #accept(): void {
    for (let i = 0; i < ACCEPTS_PER_TURN_MAX; i++) {
      const fd = acceptUnix(this.#listener);
      if (fd >= 0) {
        this.#connect(fd);
      } else if (-fd === EAGAIN) {
        return;
      } else if (-fd !== ECONNABORTED) {
        this.#acceptFailed(-fd);
        return;
      }
    }
  }

  #acceptFailed(code: number): void {
    this.#log("error", `cannot accept a connection: ${errorText(code)}`);
    if (code !== EMFILE && code !== ENFILE) return;
    // Until somebody leaves, the waiting client would wake the loop for nothing, again and again.
    this.#full = true;
    this.#epoll.modify(this.#listener, 0);
  }

  /**
   * Takes up a client's connection that another process had, with what is on its way.
   *
   * @throws {SystemCallError} when there is no such descriptor.
   */
  inherit(fd: number, flight: InFlight): Connection {
    keepOnExec(fd, false);
    const peer = this.#connect(fd);
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

  #connect(fd: number): Peer {
    const held = this.#held?.hold(fd, this.#epoll) ?? null;
    const transport = held ?? new SocketTransport(fd, this.#epoll);
    const label = `socket ${fd} (${processName(peerPid(fd))})`;
    const peer = this.#add(transport, label, this.#domid, held?.slot.key ?? -1);
    this.#turns.ready(peer);
    return peer;
  }

  #add(
    transport: SocketTransport | HeldSocketTransport,
    label: string,
    domid: number,
    key: number,
  ): Peer {
    const { fd } = transport;
    const peer = new Peer("socket", fd, transport, this.#turns);
    peer.connection = this.#engine.connect({ kind: "socket", domid, label, outbox: peer, key });
    this.#peers[fd] = peer;
    if (this.#turns.trace.obj) this.#turns.trace.connection("CREATE", peer.connection.id);
    return peer;
  }

  reopen(was: HeldState, ring: RingState): Connection | null {
    const transport = this.#held?.reopen(ring, this.#epoll) ?? null;
    if (transport === null) return null;
    const label = was.label.replace(/^socket \d+/, `socket ${transport.fd}`);
    const peer = this.#add(transport, label, was.domid, was.key);
    peer.resume(ring);
    return peer.connection;
  }

  /** Before another program takes this process's place, and if that was not possible. */
  letGo(): void {
    this.#held?.letGo();
  }

  takeBack(): void {
    this.#held?.takeBack();
  }

  takeRest(): void {
    for (const transport of this.#held?.takeRest(this.#epoll) ?? []) {
      const { fd, slot } = transport;
      const label = `socket ${fd} (${processName(peerPid(fd))})`;
      this.#turns.ready(this.#add(transport, label, this.#domid, slot.key));
    }
  }

  *states(): Generator<RingState> {
    for (const peer of this.#peers) {
      if (peer !== undefined && peer.connection.key >= 0) yield peer.wholeState();
    }
  }

  /** A client's peer has ended: forgets it. */
  gone(peer: Peer, reason: GoneReason): void {
    if (reason === "oversize") {
      this.#log("warning", `${peer.connection.label}: hung up: a message longer than 4096 bytes`);
    }
    this.#end(peer);
    if (!this.#full) return;
    this.#full = false;
    this.#epoll.modify(this.#listener, EPOLLIN);
  }

  #end(peer: Peer): void {
    this.#peers[peer.key] = undefined;
    if (this.#turns.trace.obj) this.#turns.trace.connection("DESTROY", peer.connection.id);
    this.#engine.disconnect(peer.connection);
    peer.close();
  }

  /** Hangs up all clients. */
  close(): void {
    for (const peer of this.#peers) if (peer !== undefined) this.#end(peer);
    this.#held?.close();
  }
}

/** A process as the log names it. Asked for at once: a short-lived client is soon gone. */
function processName(pid: number): string {
  try {
    const name = Deno.readTextFileSync(`/proc/${pid}/comm`).trimEnd();
    // The journal has one byte for each character.
    return `pid ${pid} ${name.replaceAll(/[^\x20-\x7e]/g, "?")}`;
  } catch {
    return `pid ${pid}`;
  }
}
