import type { ErrorCode } from "../wire/errors.ts";
import type { Connection } from "./connection.ts";
import type { RingState } from "../state/ring_state.ts";

/** State bits of a domain as the hypervisor reports them (libxenmanage, 4.21). */
export const DOMAIN_EXISTS = 1;
export const DOMAIN_SHUTDOWN = 2;
export const DOMAIN_DYING = 4;
export const DOMAIN_DEAD = 8;

/** The hypervisor's view of one domain. */
export interface DomainInfo {
  readonly domid: number;
  /** The state bits above. */
  readonly state: number;
  /** Never used twice during a host's uptime, unlike the domid. */
  readonly uniqueId: bigint;
}

/** Whether the hypervisor knows the domain, and it is more than the rest of one that has died. */
export function isAlive(info: DomainInfo | null): info is DomainInfo {
  return info !== null && (info.state & (DOMAIN_EXISTS | DOMAIN_DEAD)) === DOMAIN_EXISTS;
}

/**
 * What the engine asks of the world of domains: the hypervisor's list, and the ring of each.
 * On a Xen host it is made of libxengnttab, libxenevtchn and libxenmanage; in tests, of memory.
 */
export interface DomainControl {
  /** The domain now, or null when the hypervisor knows none of that domid. */
  info(domid: number): DomainInfo | null;
  /**
   * First INTRODUCE: maps the domain's page (grant 1), binds its event channel `port`, and
   * from now on feeds the ring's requests to the engine for `connection`, whose `outbox` it sets.
   * Returns an error code and leaves nothing behind when the page cannot be mapped or bound.
   */
  open(connection: Connection, port: number): ErrorCode;
  /**
   * INTRODUCE of a domain that has its ring: drops what is buffered either way, binds the new
   * port, zeroes the indices, clears the error word, and revives a ring that was ignored.
   */
  reset(connection: Connection, port: number): void;
  /**
   * After a restart: maps and binds again, and goes on at the very byte where the last life
   * stopped. Missing where domains do not outlive the daemon.
   */
  reopen?(connection: Connection, port: number, ring: RingState): ErrorCode;
  /**
   * Ignores a domain's ring until it is introduced again, and tells its guest by the error word.
   * Missing where domains do not outlive the daemon.
   */
  refuse?(connection: Connection): void;
  /** Unmaps the page and closes the event channel. The connection gets nothing more. */
  close(connection: Connection): void;
  /**
   * The domains that changed since the last call, gone ones among them; missing where any
   * domain may have.
   */
  changed?(): Iterable<number>;
  /** Server features offered to the domain (bits 2, 4, 8) go into its page at `open`. */
}
