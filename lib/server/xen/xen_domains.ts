import type { Clock, Timer } from "../../clock.ts";
import { EAGAIN, EINTR, errno, errorText } from "../../../ffi/libc.ts";
import { EINVAL } from "../../../ffi/linux.ts";
import { unmapFile, viewMemory } from "../../../ffi/shared_memory.ts";
import { XenError } from "../../../ffi/xen/library.ts";
import type { Connection } from "../../engine/connection.ts";
import type { DomainInfo } from "../../engine/domain_control.ts";
import type { RingState } from "../../state/ring_state.ts";
import { RING_RESCAN_MS, WAKEUPS_PER_TURN_MAX } from "../../limits.ts";
import { RingTransport } from "../../transport/ring.ts";
import { EVTCHN_PORT, RING_PAGE_SIZE, RingPage } from "../../transport/ring_page.ts";
import { type ErrorCode, OK } from "../../wire/errors.ts";
import type {
  DomainHost,
  HostedDomains,
  RingHandover,
  Wakeups,
} from "../domains/hosted_domains.ts";
import type { Log } from "../logging/log.ts";
import { Peer } from "../peer/peer.ts";
import type { InFlight } from "../peer/peer_host.ts";
import type { Turns } from "../scheduler.ts";
import { wireError } from "./errno.ts";
import { bindDomainEvents, type XenHost } from "./host.ts";
import { mapKernelPage, readKernelPort } from "./kernel_ring.ts";
import { FEATURES } from "../../wire/features.ts";

/** The grant under which a domain's builder offers its Xenstore page (grant_table.h). */
const GRANT_XENSTORE = 1;

/** What stands for a port of ours where none is bound. */
const NO_PORT = 0;

/** A domain's ring while its page is mapped. */
interface Ring {
  readonly address: Deno.PointerObject;
  readonly page: RingPage;
  readonly transport: RingTransport;
  readonly peer: Peer;
  /** Our end of its event channel. */
  port: number;
}

/** The domains of a Xen host: their pages are mapped, their event channels bound. */
export class XenDomains implements HostedDomains, Wakeups, RingHandover {
  readonly wakeups = this;
  readonly handover = this;
  readonly fd: number;
  #virqPort: number;
  readonly #host: XenHost;
  readonly #log: Log;
  readonly #rings = new Map<Connection, Ring>();
  readonly #byPort = new Map<number, Ring>();
  #turns: Turns | null = null;
  #engine: DomainHost | null = null;
  #rescan: Timer | null = null;
  /** True while the domains that were there before us are connected. */
  #starting = false;

  constructor(host: XenHost, log: Log, private readonly clock: Clock) {
    this.#host = host;
    this.#log = log;
    this.fd = host.events.fd;
    this.#virqPort = host.virqPort;
  }

  attach(turns: Turns, engine: DomainHost): void {
    this.#turns = turns;
    this.#engine = engine;
    this.#log("info", `domains are listed through ${this.#host.list.source}`);
    this.#rescan = this.clock.every(RING_RESCAN_MS, () => this.#lookAtAll());
  }

  connectExisting(): void {
    this.#starting = true;
    this.#introduceExisting(this.#engine!);
    this.#starting = false;
  }

  /**
   * Connects the domains that are there: our own, whose kernel waits for us, and those whose
   * port is in their page (dom0less). The others' toolstack will introduce them.
   */
  #introduceExisting(engine: DomainHost): void {
    const { privDomid, storeDomid, existing } = this.#host;
    const order = new Set([privDomid, storeDomid, ...existing]);
    let introduced = this.#rings.size;
    for (const domid of order) {
      if (isConnected(engine, domid)) continue;
      if (engine.state.openDomain(domid, NO_PORT) === OK) introduced++;
    }
    if (introduced === 0) {
      throw new XenError(
        "cannot connect any domain at the start: the warnings above say why",
      );
    }
  }

  info(domid: number): DomainInfo | null {
    return this.#host.list.info(domid);
  }

  changed(): Iterable<number> {
    return this.#host.list.changed();
  }

  open(connection: Connection, port: number): ErrorCode {
    const ring = this.#connect(connection, port);
    if (typeof ring === "number") return ring;
    ring.transport.introduce(this.#features(connection.domid), this.#starting);
    if (this.#starting) {
      this.#notify(ring);
      this.#turns!.ready(ring.peer);
    }
    return OK;
  }

  reopen(connection: Connection, port: number, was: RingState): ErrorCode {
    const ring = this.#connect(connection, port);
    if (typeof ring === "number") return ring;
    ring.transport.resume(this.#features(connection.domid), was.requestsTaken);
    ring.peer.resume(was);
    // What we signalled last may have been lost with our end of the event channel.
    this.#notify(ring);
    return OK;
  }

  refuse(connection: Connection): void {
    this.#rings.get(connection)?.transport.refuse();
  }

  *rings(): Generator<RingState> {
    for (const { peer } of this.#rings.values()) yield peer.wholeState();
  }

  get eventsFd(): number {
    return this.#host.events.fd;
  }

  portOf(connection: Connection): number {
    return this.#rings.get(connection)?.port ?? NO_PORT;
  }

  inherit(connection: Connection, port: number, flight: InFlight): ErrorCode {
    const ring = this.#connect(connection, port, true);
    if (typeof ring === "number") {
      if (port !== NO_PORT) this.#host.events.unbind(port);
      return ring;
    }
    ring.transport.inherit(this.#features(connection.domid));
    ring.peer.takeOver(flight);
    return OK;
  }

  giveUp(): void {
    this.#host.events.unbind(this.#virqPort);
    this.#virqPort = NO_PORT;
  }

  takeBack(): void {
    this.#virqPort = bindDomainEvents(this.#host.events);
    this.#lookAtAll();
  }

  /**
   * Maps a domain's page and binds its event channel, unless `port` is ours and bound already.
   * Returns the error where that fails.
   */
  #connect(connection: Connection, port: number, isBound = false): Ring | ErrorCode {
    const { domid } = connection;
    const address = this.#map(domid);
    if (typeof address === "number") return wireError(address);
    const page = new RingPage(viewMemory(address, RING_PAGE_SIZE));
    const local = isBound ? port : this.#bind(domid, page, port);
    if (local < 0) {
      this.#unmap(domid, address);
      return wireError(-local);
    }
    const transport = new RingTransport(page, () => this.#notify(ring));
    const peer = new Peer("ring", domid, transport, this.#turns!);
    const ring: Ring = { address, page, transport, peer, port: local };
    peer.connection = connection;
    connection.outbox = peer;
    this.#rings.set(connection, ring);
    if (local !== NO_PORT) this.#byPort.set(local, ring);
    return ring;
  }

  reset(connection: Connection, port: number): void {
    const ring = this.#rings.get(connection);
    if (ring === undefined) return;
    this.#unbind(ring);
    const local = this.#bind(connection.domid, ring.page, port);
    if (local > 0) {
      ring.port = local;
      this.#byPort.set(local, ring);
    }
    ring.transport.introduce(this.#features(connection.domid));
    ring.peer.revive();
  }

  close(connection: Connection): void {
    const ring = this.#rings.get(connection);
    if (ring === undefined) return;
    this.#rings.delete(connection);
    this.#free(connection.domid, ring);
  }

  gone(peer: Peer): void {
    this.#engine!.state.resetConnection(peer.connection);
  }

  /** Once closed the transport leaves the page alone, even if others still hold it. */
  #free(domid: number, ring: Ring): void {
    ring.peer.close();
    this.#unbind(ring);
    this.#unmap(domid, ring.address);
  }

  /** Maps a domain's page. Returns its address, or the error number. */
  #map(domid: number): Deno.PointerObject | number {
    if (domid !== this.#host.storeDomid) {
      const page = this.#host.grants.map(domid, GRANT_XENSTORE);
      if (typeof page === "number") {
        this.#complain(domid, `its page (grant 1) cannot be mapped: ${errorText(page)}`);
      }
      return page;
    }
    try {
      return mapKernelPage();
    } catch (error) {
      if (!(error instanceof XenError)) throw error;
      this.#complain(domid, error.message);
      return EINVAL;
    }
  }

  #unmap(domid: number, address: Deno.PointerObject): void {
    if (domid === this.#host.storeDomid) unmapFile(address, RING_PAGE_SIZE);
    else this.#host.grants.unmap(address);
  }

  /** Binds a domain's event channel. Returns our port, or minus the error number. */
  #bind(domid: number, page: RingPage, port: number): number {
    const remote = this.#remotePort(domid, page, port);
    if (remote === NO_PORT) {
      this.#log("info", `domain ${domid}: found at the start: waiting for its introduction`);
      return -EINVAL;
    }
    const local = this.#host.events.bindInterdomain(domid, remote);
    if (local < 0) {
      this.#complain(domid, `its event channel ${remote} cannot be bound: ${errorText(-local)}`);
    }
    return local;
  }

  /** The port that Xen left in the page goes before the one we are told. */
  #remotePort(domid: number, page: RingPage, port: number): number {
    if (domid !== this.#host.storeDomid) return page.load(EVTCHN_PORT) || port;
    if (port !== NO_PORT) return port;
    try {
      return this.#host.eventPort ?? readKernelPort();
    } catch (error) {
      if (!(error instanceof XenError)) throw error;
      this.#complain(domid, error.message);
      return NO_PORT;
    }
  }

  #unbind(ring: Ring): void {
    if (ring.port === NO_PORT) return;
    this.#byPort.delete(ring.port);
    this.#host.events.unbind(ring.port);
    ring.port = NO_PORT;
  }

  #notify(ring: Ring): void {
    if (ring.port !== NO_PORT) this.#host.events.notify(ring.port);
  }

  /** Each port once in a turn; only then can they raise events again. */
  take(): void {
    const { events } = this.#host;
    const ports: number[] = [];
    while (ports.length < WAKEUPS_PER_TURN_MAX) {
      const port = events.pending();
      if (port < 0) {
        const code = errno();
        if (code === EAGAIN || code === EINTR) break;
        throw new XenError(`cannot read the event channels: ${errorText(code)}`);
      }
      ports.push(port);
    }
    for (const port of ports) {
      events.unmask(port);
      const ring = this.#byPort.get(port);
      if (ring !== undefined) this.#turns!.ready(ring.peer);
      else if (port === this.#virqPort) this.#turns!.domainsChanged();
    }
  }

  /** A guest whose event got lost would otherwise wait for ever. */
  #lookAtAll(): void {
    for (const { peer } of this.#rings.values()) this.#turns!.ready(peer);
    this.#turns!.domainsChanged();
  }

  #features(domid: number): number {
    return this.#engine!.state.domains.get(domid)?.features ?? FEATURES;
  }

  #complain(domid: number, text: string): void {
    const line = `domain ${domid}: ${text}`;
    if (this.#turns === null) this.#log("warning", line);
    else this.#turns.tell("warning", domid, line);
  }

  release(): void {
    this.#rescan?.cancel();
    for (const [connection, ring] of this.#rings) this.#free(connection.domid, ring);
    this.#rings.clear();
    this.#host.list.close();
    this.#host.grants.close();
    this.#host.events.close();
  }
}

function isConnected(engine: DomainHost, domid: number): boolean {
  const connection = engine.state.domains.get(domid)?.connection;
  return connection !== undefined && connection !== null;
}
