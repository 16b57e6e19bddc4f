import type { ConnectionBase } from "./connection_base.ts";
import type { Connection } from "./connection.ts";
import { type DomainControl, isAlive } from "./domain_control.ts";
import { Quotas } from "./quotas.ts";
import { type Dirty, Kind } from "./dirty.ts";
import { FEATURES } from "../wire/features.ts";

/** What is known of one domain, from its first mention to its death. */
export class Domain {
  introduced = false;
  #connection: Connection | null = null;
  /** The domain whose rights this one has besides its own (SET_TARGET), or null. */
  target: number | null = null;
  features = FEATURES;
  /** The guest's event channel port, as INTRODUCE named it; 0 before. */
  port = 0;
  /** Its shutdown has been announced; RESUME makes it announceable again. */
  shutdownSeen = false;

  constructor(
    readonly domid: number,
    readonly uniqueId: bigint,
    readonly quotas: Quotas,
  ) {}

  /** The ring's connection, once introduced; null for the privileged domain without one. */
  get connection(): Connection | null {
    return this.#connection;
  }

  set connection(connection: Connection | null) {
    this.#connection = connection;
    if (connection !== null) connection.quotas = this.quotas;
  }
}

/** Domains, as the journal knows them. */
export const DOMAIN: Kind<Domain> = new Kind();

/** The quotas of new domains: there is one such thing. */
export const DEFAULT_QUOTAS: Kind<null> = new Kind();

/** The table of known domains. */
export class Domains {
  readonly #known = new Map<number, Domain>();
  readonly #control: DomainControl;
  readonly #dirty: Dirty | null;
  /** Those that have died, and of which something is left in the store. */
  readonly #dying = new Map<number, Domain>();
  /** Called before a domid gets a new holder while its last one is dying: leaves nothing of that. */
  onReturn: (domid: number) => void = () => {};
  /** What domains get when they become known; later changes do not reach those known. */
  readonly quotas: Quotas = new Quotas();

  constructor(control: DomainControl, dirty: Dirty | null = null) {
    this.#control = control;
    this.#dirty = dirty;
  }

  get(domid: number): Domain | undefined {
    return this.#known.get(domid);
  }

  /** The quotas that bind an unprivileged connection. */
  quotasOf({ domid, quotas }: ConnectionBase): Quotas {
    return quotas ?? this.#known.get(domid)?.quotas ?? this.quotas;
  }

  all(): IterableIterator<Domain> {
    return this.#known.values();
  }

  /** The record of a domain, made if it is there; null if it is not, or is no more than the rest of a dead one. */
  know(domid: number): Domain | null {
    const known = this.#known.get(domid);
    if (known !== undefined) return known;
    const info = this.#control.info(domid);
    return isAlive(info) ? this.add(domid, info.uniqueId) : null;
  }

  add(domid: number, uniqueId: bigint): Domain {
    if (this.#dying.has(domid)) this.onReturn(domid);
    const domain = new Domain(domid, uniqueId, new Quotas(this.quotas));
    this.#known.set(domid, domain);
    this.changed(domain);
    return domain;
  }

  /** To be called whenever something of a domain's record was changed. */
  changed(domain: Domain): void {
    this.#dirty?.mark(DOMAIN, domain);
  }

  /** Takes a domain for dead: nobody has its domid, but the journal still knows of it. */
  die(domain: Domain): void {
    this.#known.delete(domain.domid);
    this.#dying.set(domain.domid, domain);
    for (const other of this.#known.values()) {
      if (other.target !== domain.domid) continue;
      other.target = null;
      this.changed(other);
    }
  }

  get isAnyDying(): boolean {
    return this.#dying.size > 0;
  }

  isDying(domid: number): boolean {
    return this.#dying.has(domid);
  }

  /** A domain that is known, or is dying: what the journal has to keep. */
  knownOrDying(domid: number): Domain | undefined {
    return this.#known.get(domid) ?? this.#dying.get(domid);
  }

  /** Those that have died, and of which something is left. */
  dying(): IterableIterator<Domain> {
    return this.#dying.values();
  }

  /** Nothing is left of a domain that has died. */
  forget(domain: Domain): void {
    this.#dying.delete(domain.domid);
    this.#dirty?.mark(DOMAIN, domain);
  }
}
