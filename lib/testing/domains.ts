/** The guest's end of a ring page, for tests of guests that break the protocol. */
export interface RingEnd {
  /** The page itself: requests at byte 0, responses at byte 1024, the indices behind them. */
  readonly page: { readonly bytes: Uint8Array; readonly words: Uint32Array };
  /** Takes bytes of responses into `into` from `at` up to `end`; how many, or -1 for broken indices. */
  read(into: Uint8Array, at: number, end: number): number;
  /** Puts bytes of requests into the ring; how many fit, or -1 for broken indices. */
  write(from: Uint8Array, at: number, end: number): number;
  /** Signals the daemon's event channel. */
  kick(): void;
}

/** The simulated hypervisor of an {@link EmbeddedServer}. Domain 0 exists from the start. */
export interface SimulatedDomains {
  /** A new domain, with a ring page of zeros. Without a `uniqueId` it gets one that no other had. */
  create(domid: number, uniqueId?: bigint): void;
  /** The domain shuts itself down; it stays until it is removed. */
  shutDown(domid: number): void;
  /** The domain runs again after a shutdown, as after a failed migration. */
  resume(domid: number): void;
  /** The toolstack begins to destroy the domain. */
  startDying(domid: number): void;
  /** The domain is dead: only its record is left. */
  die(domid: number): void;
  /** The hypervisor forgets the domain: the daemon releases it. */
  remove(domid: number): void;
  /** The guest's end of the domain's ring; `onNotify` is its event channel handler. */
  guest(domid: number, onNotify?: () => void): RingEnd;
}
