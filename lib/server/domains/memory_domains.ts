import type { Connection } from "../../engine/connection.ts";
import {
  DOMAIN_DEAD,
  DOMAIN_DYING,
  DOMAIN_EXISTS,
  DOMAIN_SHUTDOWN,
  type DomainInfo,
} from "../../engine/domain_control.ts";
import type { RingState } from "../../state/ring_state.ts";
import { RING_PAGE_SIZE, RingPage } from "../../transport/ring_page.ts";
import { GuestRing, RingTransport } from "../../transport/ring.ts";
import { EINVAL, type ErrorCode, OK } from "../../wire/errors.ts";
import type { DomainHost, HostedDomains } from "./hosted_domains.ts";
import { Peer } from "../peer/peer.ts";
import type { Turns } from "../scheduler.ts";
import { FEATURES } from "../../wire/features.ts";

/** A domain of the simulated hypervisor. */
interface MemoryDomain {
  readonly domid: number;
  readonly uniqueId: bigint;
  readonly page: RingPage;
  state: number;
  /** What mapping its page gives: an error to provoke, or OK. */
  mapError: ErrorCode;
  /** The guest's handler of its event channel. */
  onNotify: () => void;
}

/** An introduced domain's ring, as the daemon sees it: it outlives the domain till closed. */
interface Ring {
  readonly page: RingPage;
  readonly transport: RingTransport;
  readonly peer: Peer;
  port: number;
}

/**
 * A hypervisor in memory: domains with true ring pages, event channels that are function calls,
 * and lives that a test directs. Domain 0 exists from the start.
 */
export class MemoryDomains implements HostedDomains {
  readonly #domains = new Map<number, MemoryDomain>();
  readonly #rings = new Map<number, Ring>();
  #uniqueIdLast = 0n;
  #turns: Turns | null = null;
  #engine: DomainHost | null = null;

  constructor() {
    this.create(0);
  }

  attach(turns: Turns, engine: DomainHost): void {
    // A later daemon, in a test: the rings of the previous one have no owner any more.
    this.#rings.clear();
    this.#turns = turns;
    this.#engine = engine;
  }

  /** A new domain. Without a `uniqueId` it gets one that no other had. */
  create(domid: number, uniqueId?: bigint): void {
    this.#domains.set(domid, {
      domid,
      uniqueId: uniqueId ?? ++this.#uniqueIdLast,
      page: new RingPage(new ArrayBuffer(RING_PAGE_SIZE)),
      state: DOMAIN_EXISTS,
      mapError: OK,
      onNotify: () => {},
    });
    this.#changed();
  }

  /** The domain shuts itself down; it stays until it is destroyed. */
  shutDown(domid: number): void {
    this.#domain(domid).state |= DOMAIN_SHUTDOWN;
    this.#changed();
  }

  /** The domain runs again after a shutdown, as after a failed migration. */
  resume(domid: number): void {
    this.#domain(domid).state &= ~DOMAIN_SHUTDOWN;
    this.#changed();
  }

  /** The toolstack begins to destroy the domain. */
  startDying(domid: number): void {
    this.#domain(domid).state |= DOMAIN_DYING;
    this.#changed();
  }

  /** The domain is dead: only its record is left. */
  die(domid: number): void {
    this.#domain(domid).state |= DOMAIN_DYING | DOMAIN_DEAD;
    this.#changed();
  }

  /** The hypervisor forgets the domain. */
  remove(domid: number): void {
    this.#domains.delete(domid);
    this.#changed();
  }

  /** Lets every mapping of the domain's page fail with `error`; OK lets it succeed again. */
  failMapping(domid: number, error: ErrorCode): void {
    this.#domain(domid).mapError = error;
  }

  /** The event channel port of an introduced domain, else null. */
  portOf(domid: number): number | null {
    return this.#rings.get(domid)?.port ?? null;
  }

  /** The guest's end of the domain's ring; `onNotify` is its event channel handler. */
  guest(domid: number, onNotify: () => void = () => {}): GuestRing {
    const domain = this.#domain(domid);
    domain.onNotify = onNotify;
    return new GuestRing(domain.page, () => {
      const ring = this.#rings.get(domid);
      if (ring?.page === domain.page) this.#turns!.ready(ring.peer);
    });
  }

  info(domid: number): DomainInfo | null {
    return this.#domains.get(domid) ?? null;
  }

  connectExisting(): void {
    // Tests introduce the domains that they make.
  }

  *rings(): Generator<RingState> {
    for (const { peer } of this.#rings.values()) yield peer.wholeState();
  }

  reopen(connection: Connection, port: number, was: RingState): ErrorCode {
    const domain = this.#domains.get(connection.domid);
    if (domain === undefined) return EINVAL;
    const { transport, peer } = this.#connect(domain, connection, port);
    transport.resume(this.#features(domain.domid), was.requestsTaken);
    peer.resume(was);
    return OK;
  }

  refuse(connection: Connection): void {
    this.#rings.get(connection.domid)?.transport.refuse();
  }

  open(connection: Connection, port: number): ErrorCode {
    const domain = this.#domains.get(connection.domid);
    // The hypervisor's ESRCH has no name on the wire; clients read such as EINVAL.
    if (domain === undefined || (domain.state & DOMAIN_DEAD) !== 0) return EINVAL;
    if (domain.mapError !== OK) return domain.mapError;
    const { transport } = this.#connect(domain, connection, port);
    transport.introduce(this.#features(domain.domid));
    return OK;
  }

  #connect(domain: MemoryDomain, connection: Connection, port: number): Ring {
    const transport = new RingTransport(domain.page, () => domain.onNotify());
    const peer = new Peer("ring", domain.domid, transport, this.#turns!);
    const ring: Ring = { page: domain.page, transport, peer, port };
    peer.connection = connection;
    connection.outbox = peer;
    this.#rings.set(domain.domid, ring);
    return ring;
  }

  reset(connection: Connection, port: number): void {
    const ring = this.#rings.get(connection.domid);
    if (ring?.peer.connection !== connection) return;
    ring.port = port;
    ring.transport.introduce(this.#features(connection.domid));
    ring.peer.revive();
  }

  close(connection: Connection): void {
    const ring = this.#rings.get(connection.domid);
    if (ring?.peer.connection !== connection) return;
    ring.peer.close();
    this.#rings.delete(connection.domid);
  }

  /** The domain stays, without anything that its connection had (XSA-325). */
  gone(peer: Peer): void {
    this.#engine!.state.resetConnection(peer.connection);
  }

  #features(domid: number): number {
    return this.#engine!.state.domains.get(domid)?.features ?? FEATURES;
  }

  #domain(domid: number): MemoryDomain {
    const domain = this.#domains.get(domid);
    if (domain === undefined) throw new RangeError(`There is no domain ${domid}: create it first`);
    return domain;
  }

  #changed(): void {
    this.#turns?.domainsChanged();
  }
}
