import { type Epoll, EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from "../../ffi/epoll.ts";
import { EAGAIN, ECONNABORTED, EMFILE, ENFILE, errorText } from "../../ffi/libc.ts";
import { acceptUnix, peerPid } from "../../ffi/unix_socket.ts";
import type { Connection, ConnectionSpec } from "../engine/connection.ts";
import { ACCEPTS_PER_TURN_MAX } from "../limits.ts";
import { SocketTransport } from "../transport/socket.ts";
import type { Log } from "./log.ts";
import type { EventSink } from "./loop.ts";
import { type GoneReason, Peer } from "./peer.ts";
import type { Turns } from "./turn.ts";

/** What makes and ends connections: the engine. */
export interface Connector {
  connect(spec: ConnectionSpec): Connection;
  disconnect(connection: Connection): void;
}

/** The listening socket and the clients that came through it. */
export class Sockets implements EventSink {
  readonly #listener: number;
  readonly #epoll: Epoll;
  readonly #turns: Turns;
  readonly #engine: Connector;
  readonly #domid: number;
  readonly #log: Log;
  /** By descriptor, a small number. */
  readonly #peers: (Peer | undefined)[] = [];
  #acceptable = false;
  #full = false;

  /** `listener` stays the caller's to close. Clients speak for domain `domid`. */
  constructor(
    listener: number,
    epoll: Epoll,
    turns: Turns,
    engine: Connector,
    domid: number,
    log: Log,
  ) {
    this.#listener = listener;
    this.#epoll = epoll;
    this.#turns = turns;
    this.#engine = engine;
    this.#domid = domid;
    this.#log = log;
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

  #connect(fd: number): void {
    const transport = new SocketTransport(fd, this.#epoll);
    const peer = new Peer("socket", fd, transport, this.#turns);
    peer.connection = this.#engine.connect({
      kind: "socket",
      domid: this.#domid,
      label: `socket ${fd} (${processName(peerPid(fd))})`,
      outbox: peer,
    });
    this.#peers[fd] = peer;
    if (this.#turns.trace.obj) this.#turns.trace.connection("CREATE", peer.connection.id);
    this.#turns.ready(peer);
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
  }
}

/** A process as the log names it. Asked for at once: a short-lived client is soon gone. */
function processName(pid: number): string {
  try {
    return `pid ${pid} ${Deno.readTextFileSync(`/proc/${pid}/comm`).trimEnd()}`;
  } catch {
    return `pid ${pid}`;
  }
}
