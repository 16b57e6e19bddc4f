/** State bits of a domain, as libxenmanage has them. */
export const STATE_EXISTS = 1;
export const STATE_SHUTDOWN = 2;
export const STATE_DYING = 4;
export const STATE_DEAD = 8;

/** Capability bits of a domain, as libxenmanage has them. */
export const CAP_CONTROL = 1;
export const CAP_XENSTORE = 4;

/** What the hypervisor says of one domain. */
export interface HypervisorDomain {
  readonly domid: number;
  /** A sum of the state bits. */
  readonly state: number;
  /** A sum of the capability bits; 0 where the hypervisor doesn't tell. */
  readonly caps: number;
  /** Another domain of the same domid, later, has another. */
  readonly uniqueId: bigint;
}

/** The hypervisor's list of domains. */
export interface DomainList {
  /** For logs: the library that it comes through. */
  readonly source: string;
  /** A domain now, or null when there is none of that domid. */
  info(domid: number): HypervisorDomain | null;
  /**
   * The domains that changed since the last call, at first all. Among them are those that are
   * gone, as far as they were asked for by {@link info}.
   */
  changed(): number[];
  close(): void;
}
